"""DPCN versions 3 and 4, written from io/PROTOCOL.md alone: keys, frames both ways, every check that needs no session.

It shares nothing with the Rust code, so that a misreading of the page on either side shows. Standard library only.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass

MAGIC = b"DPCN"
VERSION = 4
HEADER_BYTES = 48
MAC_BYTES = 16
DATAGRAM_BYTES_MAX = 1472
SALT = b"ridethrough dpcn 3"

KINDS = {1: "beat", 2: "order", 3: "telemetry", 4: "ack", 5: "endorsement", 6: "outlets"}
# The kinds that each version has.
VERSIONS = {3: {1, 2, 3, 4, 5}, 4: {1, 2, 3, 4, 5, 6}}
FRAME_BYTES = {"beat": 80, "order": 128, "telemetry": 216, "ack": 128, "endorsement": 128, "outlets": 208}
TO_DEVICE = {"beat", "order", "endorsement"}
DEVICES = {1: "pdu", 2: "kesm", 3: "tie", 4: "supply"}
DIRECTIONS = {1: "forward", 2: "backward"}
DUTIES = {1: "auto", 2: "run"}
SWITCHES = {1: "open", 2: "utility_a", 3: "utility_b", 4: "generator"}
PHASES = {1: "absent", 2: "off", 3: "starting", 4: "running", 5: "failed"}
VERDICTS = {
    1: "executed",
    2: "duplicate",
    3: "stale_fence",
    4: "expired",
    5: "beyond_limits",
    6: "unavailable",
    7: "locked_out",
}
OUTLETS = {1: "metered", 2: "open", 3: "unmetered"}
OUTLETS_PER_FRAME = 32
OUTLETS_MAX = 256
REFUSALS = (
    "malformed",
    "misaddressed",
    "bad_mac",
    "replay",
    "flooded",
    "stale_fence",
    "no_lease",
    "expired",
    "beyond_limits",
    "unavailable",
    "unendorsed",
)
# What makes bytes no frame, whoever looks at them.
MALFORMED = ("magic", "version", "kind", "length", "device", "epoch", "reserved", "field")


class Refused(Exception):
    """Why a frame is not taken: `reason` is one word of the page, `detail` is for people."""

    def __init__(self, reason, detail):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


# --- Keys ---------------------------------------------------------------------------------------------------------


def hkdf_extract(salt, secret):
    return hmac.digest(salt, secret, "sha256")


def hkdf_expand(prk, info, length=32):
    done, block, counter = b"", b"", 1
    while len(done) < length:
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        done += block
        counter += 1
    return done[:length]


def hkdf(secret, info):
    return hkdf_expand(hkdf_extract(SALT, secret), info)


def replica_secret(site_secret, epoch, replica):
    return hkdf(site_secret, b"r" + struct.pack("<IH", epoch, replica))


def channel_key(secret_of_replica, device, way):
    """`way` is `d` for frames to the device and `c` for frames to the replica."""
    return hkdf(secret_of_replica, way + struct.pack("<I", device))


def session_key(key_of_channel, session, boot):
    return hkdf_expand(key_of_channel, b"s" + struct.pack("<QQ", session, boot))


class Site:
    """The secrets of a site by epoch, and what was derived of them."""

    def __init__(self, secrets):
        self.secrets = dict(secrets)
        self.keys = {}

    def key(self, header):
        """The key of a frame's MAC."""
        way = b"d" if header["kind"] in TO_DEVICE else b"c"
        number = device_number(header["device"])
        names = (header["epoch"], header["replica"], number, way, header["session"], header["boot"])
        if names not in self.keys:
            epoch, replica, number, way, session, boot = names
            if epoch not in self.secrets:
                raise Refused("unknown_epoch", f"no secret of epoch {epoch} is known")
            channel = channel_key(replica_secret(self.secrets[epoch], epoch, replica), number, way)
            self.keys[names] = session_key(channel, session, boot)
        return self.keys[names]

    def mac(self, header, covered):
        return hmac.digest(self.key(header), covered, hashlib.sha256)[:MAC_BYTES]


@dataclass(frozen=True)
class Receiver:
    """Who takes frames: one device that knows some replicas, or one replica that knows some devices."""

    device: int | None = None
    replica: int | None = None
    peers: tuple = ()

    def check(self, header):
        if self.device is not None:
            mine = header["kind"] in TO_DEVICE and device_number(header["device"]) == self.device
            known = header["replica"] in self.peers
        else:
            mine = header["kind"] not in TO_DEVICE and header["replica"] == self.replica
            known = device_number(header["device"]) in self.peers
        if not mine or not known:
            raise Refused("misaddressed", "not for this receiver, or of nobody it knows")


# --- Reading ------------------------------------------------------------------------------------------------------


class Fields:
    """Takes fields off the front, little-endian."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise Refused("length", f"{length} bytes wanted at {self.at}, {len(self.data) - self.at} there")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def u8(self):
        return self.number("B")

    def u16(self):
        return self.number("H")

    def u32(self):
        return self.number("I")

    def u64(self):
        return self.number("Q")

    def i64(self):
        return self.number("q")

    def ms(self):
        value = self.number("q")
        if value < 0:
            raise Refused("field", f"{value} ms at {self.at - 8}: clocks and spans are not negative")
        return value

    def reserved(self, length):
        if any(self.take(length)):
            raise Refused("reserved", f"bytes {self.at - length} to {self.at - 1} are not zero")

    def name(self, names, what):
        value = self.u8()
        if value not in names:
            raise Refused("field", f"{what} {value} at {self.at - 1} has no meaning")
        return names[value]

    def flag(self, what):
        return self.name({0: False, 1: True}, what)

    def zeros(self, values, what):
        if any(values):
            raise Refused("field", f"{what} that must be zero is not, before {self.at}")

    def fence(self):
        return {"term": self.u64(), "index": self.u64()}

    def setpoint(self):
        kind, way = self.u8(), self.u8()
        self.reserved(6)
        a, b, c = self.i64(), self.i64(), self.i64()
        if kind == 0:
            self.zeros((way, a, b, c), "no setpoint: a field")
            return None
        if kind == 1:
            self.zeros((way,), "a KESM's setpoint: a field")
            return {"kind": "kesm", "supply_max_w": a, "charge_max_w": b, "hold_w": c}
        if kind == 2 and way in DIRECTIONS:
            self.zeros((c,), "a tie's setpoint: a field")
            return {"kind": "tie", "direction": DIRECTIONS[way], "flow_max_w": a, "hold_w": b}
        if kind == 3:
            self.zeros((b, c), "a PDU's setpoint: a field")
            return {"kind": "pdu", "keep_tiers": way, "cap_w": a}
        if kind == 4 and way in DUTIES:
            self.zeros((a, b, c), "a supply's setpoint: a field")
            return {"kind": "supply", "generator": DUTIES[way]}
        raise Refused("field", f"setpoint {kind}.{way} has no meaning")

    def outlet(self):
        word = self.u32()
        state, power = word >> 24, word & 0xFFFFFF
        if state not in OUTLETS:
            raise Refused("field", f"outlet in state {state} before {self.at}")
        if OUTLETS[state] != "metered":
            self.zeros((power,), "an outlet that is not metered: power")
        return {"state": OUTLETS[state], "power_w": power}

    def reading(self):
        kind = self.name(DEVICES, "reading")
        if kind == "supply":
            switch, a, b = self.name(SWITCHES, "switch"), self.u16(), self.u16()
            phase = self.name(PHASES, "generator")
            self.reserved(1)
            drawn, rest = self.i64(), (self.i64(), self.i64())
            self.zeros(rest, "a supply's reading: a field")
            return {
                "kind": kind,
                "switch": switch,
                "utility_a_permille": a,
                "utility_b_permille": b,
                "generator": phase,
                "drawn_w": drawn,
            }
        flag, permille, speed = self.flag("flag"), self.u16(), self.u32()
        a, b, c = self.i64(), self.i64(), self.i64()
        if kind == "pdu":
            self.zeros((speed,), "a PDU's reading: a field")
            return {
                "kind": kind,
                "tripped": flag,
                "breaker_permille": permille,
                "load_w": a,
                "draw_w": b,
                "bus_mv": c,
            }
        self.zeros((permille,), "a reading: a field")
        if kind == "kesm":
            return {
                "kind": kind,
                "available": flag,
                "speed_rpm": speed,
                "stored_j": a,
                "supply_w": b,
                "capacitor_mv": c,
            }
        self.zeros((speed, b, c), "a tie's reading: a field")
        return {"kind": kind, "available": flag, "flow_w": a}


def device_number(device):
    kind = next(number for number, name in DEVICES.items() if name == device["kind"])
    return kind << 16 | device["index"]


def kind_of(data):
    """The kind of the frame that these bytes begin with, as far as its length needs it."""
    fields = Fields(data)
    if fields.take(4) != MAGIC:
        raise Refused("magic", f"begins with {data[:4].hex()}")
    version = fields.u8()
    if version not in VERSIONS:
        raise Refused("version", f"version {version}")
    kind = fields.u8()
    if kind not in VERSIONS[version]:
        raise Refused("kind", f"kind {kind} in version {version}")
    return KINDS[kind]


def split(datagram):
    """The frames of a datagram one after the other, none of an empty one; raises at what cannot be split."""
    if len(datagram) > DATAGRAM_BYTES_MAX:
        raise Refused("length", f"{len(datagram)} bytes in one datagram")
    at = 0
    while at < len(datagram):
        length = FRAME_BYTES[kind_of(datagram[at:])]
        if at + length > len(datagram):
            raise Refused("length", f"{len(datagram) - at} bytes of {length} at {at}")
        yield datagram[at : at + length]
        at += length


def decode_header(frame):
    kind = kind_of(frame)
    if len(frame) != FRAME_BYTES[kind]:
        raise Refused("length", f"{len(frame)} bytes, a frame of kind {kind} has {FRAME_BYTES[kind]}")
    fields = Fields(frame)
    fields.take(4)
    version = fields.u8()
    fields.take(1)
    replica, number, epoch = fields.u16(), fields.u32(), fields.u32()
    if number >> 16 not in DEVICES:
        raise Refused("device", f"device {number:#x}")
    if epoch == 0:
        raise Refused("epoch", "epoch 0")
    return {
        "version": version,
        "kind": kind,
        "replica": replica,
        "device": {"kind": DEVICES[number >> 16], "index": number & 0xFFFF},
        "epoch": epoch,
        "session": fields.u64(),
        "boot": fields.u64(),
        "sequence": fields.u64(),
        "heard": fields.u64(),
    }


def decode_body(kind, body):
    fields = Fields(body)
    if kind == "beat":
        said = {"term": fields.u64(), "lease_until_ms": fields.ms()}
    elif kind in ("order", "endorsement"):
        said = {
            "fence": fields.fence(),
            "entry_term": fields.u64(),
            "expires_at_ms": fields.ms(),
            "setpoint": fields.setpoint(),
        }
        if said["fence"]["index"] == 0:
            raise Refused("field", "no entry has index 0")
        if said["entry_term"] > said["fence"]["term"]:
            raise Refused("field", "the entry's term is above its sender's")
        if said["setpoint"] is None:
            raise Refused("field", "an order without a setpoint")
    elif kind == "telemetry":
        said = {
            "device_clock_ms": fields.ms(),
            "reading": fields.reading(),
            "fence": fields.fence(),
            "setpoint": fields.setpoint(),
            "lease_remaining_ms": fields.ms(),
            "refusals": {name: fields.u32() for name in REFUSALS},
            "heard": {"lan_a": fields.u32(), "lan_b": fields.u32()},
        }
        fields.reserved(4)
    elif kind == "outlets":
        said = decode_outlets(fields)
    else:
        said = {
            "fence": fields.fence(),
            "device_clock_ms": fields.ms(),
            "verdict": fields.name(VERDICTS, "verdict"),
        }
        fields.reserved(7)
        said["setpoint"] = fields.setpoint()
    if fields.at != len(body):
        raise Refused("length", f"{len(body) - fields.at} bytes too many")
    return said


def decode_outlets(fields):
    clock, first, count = fields.ms(), fields.u16(), fields.u8()
    fields.reserved(1)
    age = fields.u16()
    fields.reserved(2)
    if first % OUTLETS_PER_FRAME != 0 or first >= OUTLETS_MAX:
        raise Refused("field", f"a page that begins at outlet {first}")
    if not 1 <= count <= OUTLETS_PER_FRAME:
        raise Refused("field", f"{count} outlets")
    outlets = [fields.outlet() for _ in range(count)]
    fields.reserved(4 * (OUTLETS_PER_FRAME - count))
    return {"device_clock_ms": clock, "first": first, "count": count, "age_ms": age, "outlet": outlets}


def decode(frame, site, receiver=None):
    """Everything that a frame says, after every check in the order of the page; raises what the first failure is."""
    header = decode_header(frame)
    if receiver is not None:
        receiver.check(header)
    covered, mac = frame[:-MAC_BYTES], frame[-MAC_BYTES:]
    if not hmac.compare_digest(site.mac(header, covered), mac):
        raise Refused("bad_mac", f"{mac.hex()} is not the MAC")
    body = decode_body(header["kind"], covered[HEADER_BYTES:])
    if "reading" in body and body["reading"]["kind"] != header["device"]["kind"]:
        raise Refused("field", f"a {header['device']['kind']} with the reading of a {body['reading']['kind']}")
    if header["kind"] == "outlets" and header["device"]["kind"] != "pdu":
        raise Refused("field", f"a {header['device']['kind']} with outlets")
    return {**header, "body": body, "mac": mac.hex()}


# --- Writing ------------------------------------------------------------------------------------------------------


def number_of(names, name):
    return next(number for number, known in names.items() if known == name)


def encode_setpoint(setpoint):
    if setpoint is None:
        return bytes(32)
    kind = setpoint["kind"]
    if kind == "kesm":
        row = (1, 0, setpoint["supply_max_w"], setpoint["charge_max_w"], setpoint["hold_w"])
    elif kind == "tie":
        row = (2, number_of(DIRECTIONS, setpoint["direction"]), setpoint["flow_max_w"], setpoint["hold_w"], 0)
    elif kind == "pdu":
        row = (3, setpoint["keep_tiers"], setpoint["cap_w"], 0, 0)
    else:
        row = (4, number_of(DUTIES, setpoint["generator"]), 0, 0, 0)
    return struct.pack("<BB6xqqq", *row)


def encode_reading(reading):
    kind = reading["kind"]
    number = number_of(DEVICES, kind)
    if kind == "pdu":
        row = (reading["tripped"], reading["breaker_permille"], 0, reading["load_w"], reading["draw_w"])
        return struct.pack("<BBHIqqq", number, *row, reading["bus_mv"])
    if kind == "kesm":
        row = (reading["available"], 0, reading["speed_rpm"], reading["stored_j"], reading["supply_w"])
        return struct.pack("<BBHIqqq", number, *row, reading["capacitor_mv"])
    if kind == "tie":
        return struct.pack("<BBHIqqq", number, reading["available"], 0, 0, reading["flow_w"], 0, 0)
    switch, phase = number_of(SWITCHES, reading["switch"]), number_of(PHASES, reading["generator"])
    utilities = (reading["utility_a_permille"], reading["utility_b_permille"])
    return struct.pack("<BBHHBxqqq", number, switch, *utilities, phase, reading["drawn_w"], 0, 0)


def encode_fence(fence):
    return struct.pack("<QQ", fence["term"], fence["index"])


def encode_body(kind, body):
    if kind == "beat":
        return struct.pack("<Qq", body["term"], body["lease_until_ms"])
    if kind in ("order", "endorsement"):
        times = struct.pack("<Qq", body["entry_term"], body["expires_at_ms"])
        return encode_fence(body["fence"]) + times + encode_setpoint(body["setpoint"])
    if kind == "telemetry":
        counts = [body["refusals"][name] for name in REFUSALS] + [body["heard"]["lan_a"], body["heard"]["lan_b"]]
        return b"".join(
            (
                struct.pack("<q", body["device_clock_ms"]),
                encode_reading(body["reading"]),
                encode_fence(body["fence"]),
                encode_setpoint(body["setpoint"]),
                struct.pack("<q", body["lease_remaining_ms"]),
                struct.pack("<13I4x", *counts),
            )
        )
    if kind == "outlets":
        outlets = [number_of(OUTLETS, outlet["state"]) << 24 | outlet["power_w"] for outlet in body["outlet"]]
        head = struct.pack("<qHBxH2x", body["device_clock_ms"], body["first"], body["count"], body["age_ms"])
        return head + struct.pack("<32I", *outlets, *[0] * (OUTLETS_PER_FRAME - len(outlets)))
    verdict = struct.pack("<qB7x", body["device_clock_ms"], number_of(VERDICTS, body["verdict"]))
    return encode_fence(body["fence"]) + verdict + encode_setpoint(body["setpoint"])


def encode(said, site):
    """The frame that says this, with its MAC."""
    head = struct.pack(
        "<4sBBHIIQQQQ",
        MAGIC,
        said["version"],
        number_of(KINDS, said["kind"]),
        said["replica"],
        device_number(said["device"]),
        said["epoch"],
        said["session"],
        said["boot"],
        said["sequence"],
        said["heard"],
    )
    covered = head + encode_body(said["kind"], said["body"])
    return covered + site.mac(said, covered)
