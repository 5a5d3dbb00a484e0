from bus.errors import BusError, Disconnected, NoResponders, PublishRefused, RequestTimeout
from bus.requests import Reply, Requests

NO_RESPONDERS = b"NATS/1.0 503\r\n\r\n"


class Replies(list[Reply]):
    """Collects what a request is settled with."""

    @property
    def errors(self) -> list[type[Exception]]:
        return [type(reply.error) for reply in self if reply.error is not None]


def test_an_answer_settles_its_request_once() -> None:
    requests, replies = Requests(), Replies()
    token = requests.add(replies.append, "goim.auth.check", now=0, seconds=5)
    requests.handle_reply(token, b"yes", None)
    requests.handle_reply(token, b"again", None)
    assert replies == [Reply(b"yes", None, None)]
    assert (len(requests), requests.late_replies) == (0, 1)


def test_answers_find_their_own_requests() -> None:
    requests, first, second = Requests(), Replies(), Replies()
    tokens = [requests.add(one.append, "s", 0, 5) for one in (first, second)]
    requests.handle_reply(tokens[1], b"2", None)
    requests.handle_reply(tokens[0], b"1", None)
    assert (first[0].payload, second[0].payload) == (b"1", b"2")


def test_no_responders_is_an_error_and_an_answer_with_a_payload_is_not() -> None:
    requests, replies = Requests(), Replies()
    for payload in (b"", b"body"):
        token = requests.add(replies.append, "s", 0, 5)
        requests.handle_reply(token, payload, NO_RESPONDERS)
    assert isinstance(replies[0].error, NoResponders)
    assert replies[1].error is None
    assert requests.no_responders == 1


def test_a_request_expires_at_its_deadline_and_not_before() -> None:
    requests, replies = Requests(), Replies()
    token = requests.add(replies.append, "goim.store.last", now=100, seconds=5)
    requests.expire(now=104.9)
    assert replies == []
    requests.expire(now=105)
    requests.handle_reply(token, b"late", None)
    error = replies[0].error
    assert isinstance(error, RequestTimeout)
    assert str(error) == "no answer on goim.store.last within 5 s"
    assert (len(replies), requests.timeouts, requests.late_replies) == (1, 1, 1)


def test_a_forbidden_publish_fails_its_request_at_once() -> None:
    requests, replies, other = Requests(), Replies(), Replies()
    requests.add(other.append, "goim.store", 0, 5)
    requests.add(replies.append, "goim.store.Replay", 0, 5)
    requests.handle_refusal('nats: permissions violation for publish to "goim.store.replay"')
    requests.handle_refusal('nats: permissions violation for subscription to "goim.store"')
    assert replies.errors == [PublishRefused]
    assert other == []


def test_all_fail_when_nats_goes_away() -> None:
    requests, replies = Requests(), Replies()
    for _ in range(3):
        requests.add(replies.append, "s", 0, 5)
    requests.fail_all(Disconnected())
    assert replies.errors == [Disconnected] * 3
    assert len(requests) == 0


def test_a_callback_that_raises_keeps_no_other_from_its_answer() -> None:
    def raises(reply: Reply) -> None:
        raise KeyError

    requests, replies = Requests(), Replies()
    requests.add(raises, "s", 0, 5)
    requests.add(replies.append, "s", 0, 5)
    requests.expire(now=5)
    assert replies.errors == [RequestTimeout]
    assert requests.callback_errors.count == 1


def test_a_callback_may_ask_again() -> None:
    requests, replies = Requests(), Replies()

    def ask_again(reply: Reply) -> None:
        requests.add(replies.append, "s", 10, 5)

    requests.add(ask_again, "s", 0, 5)
    requests.fail_all(Disconnected())
    requests.expire(now=20)
    assert replies.errors == [RequestTimeout]


def test_what_was_never_sent_is_settled_with_the_reason() -> None:
    requests, replies = Requests(), Replies()
    requests.fail(replies.append, "s", Disconnected())
    assert isinstance(replies[0].error, BusError)
    assert replies.errors == [Disconnected]
