"""Says who a client is, and keeps accounts.

Hears `goim.auth.check` (AuthRequest, answered with Grant) and `goim.accounts.*` in queue groups,
so any number of these processes share the work. A site can answer the checks itself instead
(docs/tokens.md, examples/auth_responder.py) and leave accounts off. Speaks `goim.event.account.*`,
closes connections by `goim.gateway.*`; keeps all in the buckets ACCOUNT, LOGIN and REVOKED.

Checks: read `check.py` first, the forms an auth body may have. `goim_json.py` reads goim's JSON as
Go does, `tokens.py` checks a JWT, `keys.py` is the ring of keys, `revocations.py` what is void
before its time, `grant.py` what is answered, `errors.py` every reason to refuse.

Accounts (docs/accounts.md): read `accounts.py` first, then the calls: `registering.py`,
`entering.py`, `passwords.py`, `managing.py`; `gate.py` is what each passes, `desk.py` what all
share. They decide by `account.py`, `logins.py`, `codes.py`, `names.py`, `slowing.py`, `issuing.py`,
`directory.py`. `book.py` reads and writes (through `bus/bucket.py`), `hashing.py` has the threads.
"""
