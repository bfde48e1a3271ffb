"""Changes pages for the site: links out of docs/ lead to the repository."""

import posixpath
import re

LINK = re.compile(r"\]\((\.\./[^)\s]*)\)")


def on_page_markdown(markdown, page, config, files):
    directory = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def absolute(match):
        target = posixpath.normpath(posixpath.join(directory, match[1]))
        if target.startswith("docs/"):
            return match[0]
        return f"]({config['repo_url']}/blob/main/{target})"

    return LINK.sub(absolute, markdown)
