// Refuses links and stars out bad words (policy admit). NATS_URL says where NATS is.
package main

import (
	"bytes"
	"github.com/nats-io/nats.go"
	"os"
)

func main() {
	nc, _ := nats.Connect(os.Getenv("NATS_URL"), nats.RetryOnFailedConnect(true))
	nc.QueueSubscribe("goim.admit.*", "moderators", func(msg *nats.Msg) {
		answer := bytes.ReplaceAll(msg.Data, []byte("damn"), []byte("****")) // the body in it counts
		if bytes.Contains(msg.Data, []byte("http")) {
			answer = []byte(`{"error":{"code":403,"reason":"no_links","message":"no links here"}}`)
		}
		msg.Respond(answer)
	})
	select {}
}
