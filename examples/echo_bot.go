// Answers what members say in rooms such as bot://1. NATS_URL says where NATS is.
package main

import (
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

func main() {
	nc, _ := nats.Connect(os.Getenv("NATS_URL"), nats.RetryOnFailedConnect(true))
	paths := strings.NewReplacer("goim.room.", "goim.push.room.", ".kept.", ".")
	nc.QueueSubscribe("goim.room.bot.*.kept.*", "echo", func(msg *nats.Msg) {
		if msg.Header.Get("Goim-From") != "" { // from a member; not from a bot, so no loop
			nc.Publish(paths.Replace(msg.Subject), append([]byte("echo: "), msg.Data...))
		}
	})
	select {}
}
