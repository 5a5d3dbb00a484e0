"""EDGE questions about presence: `goim.presence.top|rooms|total|who`, `goim.nodes.*`."""

from router.directory import Directory, Found
from router.errors import RequestRefused
from router.nodes import Balancer, weighted_reply
from router.room_names import fullest
from router.settings import NodeSettings
from schemas.messages_pb2 import (
    InstancesReply,
    InstancesRequest,
    RoomCount,
    RoomsReply,
    RoomsRequest,
    TopReply,
    TopRequest,
    TotalReply,
    TotalRequest,
    WeightedReply,
    WeightedRequest,
    WhoReply,
    WhoRequest,
)

WHO_DEFAULT = 50  # sessions when the request names no limit
MOST_ROOMS = 10_000  # counted for one request


class Queries:
    """Answers who is connected, how many, and which gateways there are."""

    def __init__(self, directory: Directory, settings: NodeSettings) -> None:
        self.directory = directory
        self.settings = settings
        self.balancer = Balancer()

    async def top(self, request: TopRequest) -> TopReply:
        """The fullest rooms whose id begins with the type, named as goim names them."""
        if not request.type or request.limit <= 0:
            raise RequestRefused("type and a limit over 0 are required")
        counts = await self.directory.count_all_rooms()
        found = fullest(counts, request.type, request.limit)
        return TopReply(rooms=[RoomCount(room=one.name, count=one.members) for one in found])

    async def rooms(self, request: RoomsRequest) -> RoomsReply:
        """The members of each room asked for, 0 for one that nobody is in."""
        rooms = list(dict.fromkeys(request.rooms))
        if len(rooms) > MOST_ROOMS:
            raise RequestRefused(f"at most {MOST_ROOMS} rooms in one request")
        counts = await self.directory.count_rooms(rooms)
        return RoomsReply(online={room: counts.get(room, 0) for room in rooms})

    async def total(self, request: TotalRequest) -> TotalReply:
        """All connections; client addresses are counted by each gateway and added."""
        connections = await self.directory.count_connections()
        nodes = await self.directory.nodes()
        return TotalReply(
            connections=connections, client_addresses=sum(one.client_addresses for one in nodes)
        )

    async def who(self, request: WhoRequest) -> WhoReply:
        """Sessions by key, else by member, else by room; without any of them, any sessions."""
        found = await self._find(request)
        return WhoReply(sessions=found.sessions, found=found.total)

    async def weighted(self, request: WeightedRequest) -> WeightedReply:
        """The gateways a client should try."""
        candidates = self.balancer.rank(await self.directory.nodes())
        return weighted_reply(candidates, request.platform, self.settings)

    async def instances(self, request: InstancesRequest) -> InstancesReply:
        """All live gateways."""
        return InstancesReply(nodes=await self.directory.nodes())

    async def _find(self, request: WhoRequest) -> Found:
        most = min(request.limit or WHO_DEFAULT, self.directory.settings.who_most)
        if request.key:
            return await self.directory.find_by_key(request.key)
        if request.mid:
            return await self.directory.find_by_member(request.mid, most)
        if request.room:
            return await self.directory.find_by_room(request.room, most)
        return await self.directory.find_any(most)
