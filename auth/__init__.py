"""Says who a client is: the body of its auth frame in, a grant or a refusal out.

Hears `goim.auth.check` (AuthRequest, answered with Grant) in a queue group, so any number of
these processes share the work; speaks to nobody. It keeps nothing: what it knows is its keys.
A site can answer that subject itself instead (docs/tokens.md, examples/auth_responder.py).

Read `check.py` first: the forms an auth body may have. `goim_json.py` reads goim's JSON as Go
does, `tokens.py` checks a JWT, `keys.py` is the ring of keys, `grant.py` what is answered,
`errors.py` every reason to refuse, `bus.py` the one file that speaks NATS.
"""
