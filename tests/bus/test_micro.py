import json

from bus.micro import Description, Endpoint


def description() -> Description:
    about = Description("router", "ab12", "0.1.0", "pushes")
    about.endpoints.append(Endpoint("push", "goim.pushes.room", "q"))
    return about


def test_a_service_is_asked_by_kind_by_name_and_by_id() -> None:
    subjects = description().subjects()
    assert len(subjects) == 9
    assert {"$SRV.PING", "$SRV.INFO.router", "$SRV.STATS.router.ab12"} <= set(subjects)


def test_a_ping_tells_who_is_there() -> None:
    assert json.loads(description().answer("PING")) == {
        "type": "io.nats.micro.v1.ping_response",
        "name": "router",
        "id": "ab12",
        "version": "0.1.0",
        "metadata": {},
    }


def test_info_tells_what_is_served() -> None:
    told = json.loads(description().answer("INFO"))
    assert told["type"] == "io.nats.micro.v1.info_response"
    assert told["description"] == "pushes"
    assert told["endpoints"] == [
        {"name": "push", "subject": "goim.pushes.room", "queue_group": "q", "metadata": {}}
    ]


def test_stats_tell_what_was_done() -> None:
    about = description()
    endpoint = about.endpoints[0]
    endpoint.requests, endpoint.seconds, endpoint.active = 4, 0.002, 1
    endpoint.note_error(429, "busy")
    told = json.loads(about.answer("STATS"))
    assert told["type"] == "io.nats.micro.v1.stats_response"
    assert told["started"].endswith("Z")
    assert told["endpoints"] == [
        {
            "name": "push",
            "subject": "goim.pushes.room",
            "queue_group": "q",
            "num_requests": 4,
            "num_errors": 1,
            "last_error": "429:busy",
            "processing_time": 2_000_000,
            "average_processing_time": 500_000,
            "data": {"active": 1, "refused": 0},
        }
    ]


def test_stats_of_an_idle_endpoint_divide_by_nothing() -> None:
    (told,) = json.loads(description().answer("STATS"))["endpoints"]
    assert told["average_processing_time"] == 0
