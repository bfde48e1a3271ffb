package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifySocket is the variable that names the socket of systemd for services of Type=notify.
const notifySocket = "NOTIFY_SOCKET"

// openSystemd makes the run report to systemd, if that started wasisock: when guests are ready,
// when they shut down, and, for the watchdog, that they are live.
func (r *running) openSystemd() error {
	if os.Getenv(notifySocket) == "" {
		return nil
	}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("systemd's watchdog: %w; start wasisock from a unit with WatchdogSec=", err)
	}
	whenReady := r.command.OnReady
	r.command.OnReady = func() {
		whenReady()
		r.notify(daemon.SdNotifyReady)
	}
	r.command.OnStopping = func() { r.notify(daemon.SdNotifyStopping) }
	if every > 0 {
		const oftener = 2 // as sd_watchdog_enabled(3) advises
		watchdog := time.NewTicker(every / oftener)
		stop := make(chan struct{})
		r.onClose(func() { watchdog.Stop(); close(stop) })
		go func() {
			for {
				select {
				case <-watchdog.C:
					if r.monitor.Live() == nil {
						r.notify(daemon.SdNotifyWatchdog)
					}
				case <-stop:
					return
				}
			}
		}()
	}
	return nil
}

func (r *running) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		r.log.Warn(fmt.Sprintf("systemd does not take %s: %v", state, err))
	}
}

// notifiesAbstract reports whether systemd's socket has an abstract address.
func notifiesAbstract() bool { return strings.HasPrefix(os.Getenv(notifySocket), "@") }
