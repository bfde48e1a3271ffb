// Package paho uses github.com/eclipse/paho.mqtt.golang with mosquitto.
package paho

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/wasisock/wasisock/prove/libraries/guest/given"
)

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(time.Minute) {
		t.Fatal("a minute is not enough")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func options(t *testing.T, server, id string) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions().AddBroker(given.Value(t, server)).SetClientID(id).SetConnectTimeout(time.Minute).SetMaxReconnectInterval(100 * time.Millisecond)
	if server == "MQTT_TLS" {
		o.SetTLSConfig(given.ClientTLS(t))
	}
	return o
}

func connect(t *testing.T, o *mqtt.ClientOptions) mqtt.Client {
	c := mqtt.NewClient(o)
	done(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func TestMessages(t *testing.T) {
	for _, server := range []string{"MQTT_TCP", "MQTT_TLS", "MQTT_WS"} {
		t.Run(server, func(t *testing.T) {
			c := connect(t, options(t, server, server))
			got := make(chan mqtt.Message, 1)
			done(t, c.Subscribe("news/"+server+"/#", 2, func(_ mqtt.Client, m mqtt.Message) { got <- m }))
			for i := range 30 {
				want, qos := fmt.Sprint("message ", i), byte(i%3)
				done(t, c.Publish("news/"+server+"/today", qos, false, want))
				if m := <-got; string(m.Payload()) != want || m.Qos() != qos {
					t.Fatalf("%q with quality %d; want %q with %d", m.Payload(), m.Qos(), want, qos)
				}
			}
			big := given.Bytes(1<<20, 17)
			done(t, c.Publish("news/"+server+"/large", 1, false, big))
			if m := <-got; !bytes.Equal(m.Payload(), big) {
				t.Errorf("%d of %d bytes came back as they were sent", len(m.Payload()), len(big))
			}
		})
	}
}

func TestTogether(t *testing.T) {
	const clients, each = 8, 10
	got := make(chan string, clients*each)
	listener := connect(t, options(t, "MQTT_TCP", "listener"))
	done(t, listener.Subscribe("together/+", 1, func(_ mqtt.Client, m mqtt.Message) { got <- m.Topic() + " " + string(m.Payload()) }))
	all := make([]mqtt.Client, clients)
	for i := range all {
		all[i] = connect(t, options(t, "MQTT_TCP", fmt.Sprint("client", i)))
	}
	given.Together(t, clients, func(i int) error {
		for j := range each {
			token := all[i].Publish(fmt.Sprint("together/", i), 1, false, fmt.Sprint(j))
			if !token.WaitTimeout(time.Minute) || token.Error() != nil {
				return fmt.Errorf("publishing: %w", token.Error())
			}
		}
		return nil
	})
	seen := map[string]bool{}
	for len(seen) < clients*each {
		select {
		case m := <-got:
			seen[m] = true
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d messages came", len(seen), clients*each)
		}
	}
}

func TestDeadline(t *testing.T) {
	o := options(t, "MQTT_TCP", "late").SetConnectTimeout(300 * time.Millisecond)
	o.Servers = nil
	o.AddBroker("tcp://" + given.Value(t, "SILENT"))
	token := mqtt.NewClient(o).Connect()
	start := time.Now()
	if !token.WaitTimeout(20*time.Second) || token.Error() == nil {
		t.Errorf("a broker that does not answer: %v after %v", token.Error(), time.Since(start))
	}
}

func TestRestart(t *testing.T) {
	lost, again := make(chan error, 1), make(chan struct{}, 2)
	o := options(t, "MQTT_TCP", "patient")
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	o.SetOnConnectHandler(func(mqtt.Client) { again <- struct{}{} })
	c := connect(t, o)
	<-again
	given.Restart(t, "mosquitto")
	<-lost
	<-again
	done(t, c.Publish("after", 1, false, "there"))
}
