#!/usr/bin/env bash
# Refuses links and stars out bad words (policy admit), by the nats CLI and jq. NATS_URL says where.
rules='env.NATS_REQUEST_BODY | fromjson | .body // "" | gsub("damn"; "****") |
  if test("http") then {error: {code: 403, reason: "no_links", message: "no links here"} }
  elif . == "" then {} else {body: .} end'
exec nats reply 'goim.admit.*' --queue moderators --command "jq -nc '$rules'"
