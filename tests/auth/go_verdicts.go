// Writes Go's verdict on each body of go_verdicts.json: the fields goim's logic would have, or
// null where json.Unmarshal fails. Bodies are bytes, written as Latin-1 text.
//
//	cd tests/auth && go run go_verdicts.go
package main

import (
	"bytes"
	"encoding/json"
	"os"
)

// As in goim v2, internal/logic/conn.go, Connect.
type params struct {
	Mid      int64   `json:"mid"`
	Key      string  `json:"key"`
	RoomID   string  `json:"room_id"`
	Platform string  `json:"platform"`
	Accepts  []int32 `json:"accepts"`
}

type verdict struct {
	Body  string  `json:"body"`
	Takes *params `json:"takes"`
}

func main() {
	const name = "go_verdicts.json"
	var verdicts []verdict
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &verdicts)
	}
	if err != nil {
		panic(err)
	}
	out := []string{}
	for _, one := range verdicts {
		body := []byte{}
		for _, character := range one.Body {
			body = append(body, byte(character))
		}
		one.Takes = &params{}
		if json.Unmarshal(body, one.Takes) != nil {
			one.Takes = nil
		} else if one.Takes.Accepts == nil {
			one.Takes.Accepts = []int32{}
		}
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(one); err != nil {
			panic(err)
		}
		out = append(out, string(bytes.TrimSpace(line.Bytes())))
	}
	text := "[\n"
	for i, line := range out {
		if i > 0 {
			text += ",\n"
		}
		text += line
	}
	if err := os.WriteFile(name, []byte(text+"\n]\n"), 0o644); err != nil {
		panic(err)
	}
}
