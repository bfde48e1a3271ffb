package docscheck

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestNav holds that the navigation of the site, in mkdocs.yml, has each page of docs/ once.
func TestNav(t *testing.T) {
	config, err := os.ReadFile(root + "/mkdocs.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, nav, _ := strings.Cut(string(config), "\nnav:\n")
	listed := regexp.MustCompile(`\S+\.md`).FindAllString(nav, -1)
	slices.Sort(listed)
	var present []string
	err = filepath.WalkDir(root+"/docs", func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			present = append(present, strings.TrimPrefix(filepath.ToSlash(path), root+"/docs/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(present)
	for _, page := range present {
		if !slices.Contains(listed, page) {
			t.Errorf("docs/%s is not in the navigation; add it to nav in mkdocs.yml", page)
		}
	}
	for i, page := range listed {
		if !slices.Contains(present, page) {
			t.Errorf("mkdocs.yml: docs/%s does not exist; remove it from nav", page)
		} else if i > 0 && page == listed[i-1] {
			t.Errorf("mkdocs.yml: %s is in nav twice", page)
		}
	}
}

// A htmlPage holds the anchors and the links of a page of the site.
type htmlPage struct {
	ids   map[string]bool
	links []string
}

// parsePage returns the anchors of an HTML file and the targets of its links, images, scripts and
// style sheets.
func parsePage(t *testing.T, file string) htmlPage {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := html.Parse(f)
	if err != nil {
		t.Fatal(file, err)
	}
	page := htmlPage{ids: map[string]bool{}}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				page.ids[a.Val] = true
			case "href", "src":
				page.links = append(page.links, a.Val)
			}
		}
	}
	return page
}

// TestSite holds that each link within the site that make site has built leads to a file, and its
// fragment to an anchor there.
func TestSite(t *testing.T) {
	site := os.Getenv("WASISOCK_SITE")
	if site == "" {
		t.Skip("WASISOCK_SITE does not name a built site; make site builds one and runs this")
	}
	parsed := map[string]htmlPage{}
	err := filepath.WalkDir(site, func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".html") && d.Name() != "404.html" { // whose links begin at the site's root
			parsed[path] = parsePage(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for file, page := range parsed {
		for _, link := range page.links {
			u, err := url.Parse(link)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue // another site
			}
			checked++
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), u.Path)
			}
			if info, err := os.Stat(target); err == nil && info.IsDir() {
				target = filepath.Join(target, "index.html")
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %s leads nowhere", file, link)
			} else if to, ok := parsed[target]; ok && u.Fragment != "" && !to.ids[u.Fragment] {
				t.Errorf("%s: link %s: %s has no such anchor", file, link, target)
			}
		}
	}
	if len(parsed) < 30 || checked < 1000 {
		t.Errorf("checked %d links of %d pages", checked, len(parsed))
	}
}
