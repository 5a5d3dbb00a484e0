#!/usr/bin/env bash
# Answers what members say in rooms such as bot://1, by the nats CLI and jq. NATS_URL says where.
nats sub 'goim.room.bot.*.kept.*' --queue echo --dump=- | while IFS= read -rd '' msg; do
  [ "$(jq 'any(.Header | keys[]?; . == "Goim-From")' <<<"$msg")" = true ] || continue # no member
  push=$(jq -r '.Subject | sub("^goim"; "goim.push") | sub("[.]kept"; "")' <<<"$msg")
  jq -j '"echo: " + (.Data | @base64d)' <<<"$msg" | nats pub "$push" --force-stdin --no-templates -q
done
