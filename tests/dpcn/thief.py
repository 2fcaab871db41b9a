"""Plays a replica whose machine was stolen: its keys, its addresses, and the worst intentions.

    python3 tests/dpcn/thief.py --keys n1.key --replica 1 --listen 127.0.0.1:7201 [--listen-b ADDR] --seconds 8

Opens a session with every device that speaks to it, claims a term beyond all others, grants itself leases, and orders and
endorses as fast as the page allows. Prints one JSON object: what devices answered, by verdict.
"""

import argparse
import collections
import hashlib
import hmac
import json
import secrets
import selectors
import socket
import time

import dpcn

TERM = 1 << 62
LEASE_MS = 60_000
EXPIRY_MS = 500_000
PERIOD_S = 0.05
NOTHING = {
    "pdu": {"kind": "pdu", "keep_tiers": 0, "cap_w": 0},
    "kesm": {"kind": "kesm", "supply_max_w": 0, "charge_max_w": 0, "hold_w": 0},
    "tie": {"kind": "tie", "direction": "forward", "flow_max_w": 0, "hold_w": 0},
    "supply": {"kind": "supply", "generator": "run"},
}


class Stolen:
    """The keys of one replica, and nothing of the site's."""

    def __init__(self, path):
        self.secrets = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                epoch, digits = line.split()
                self.secrets.setdefault(int(epoch), bytes.fromhex(digits))
        self.epoch = next(iter(self.secrets))

    def mac(self, header, covered):
        way = b"d" if header["kind"] in dpcn.TO_DEVICE else b"c"
        channel = dpcn.channel_key(self.secrets[header["epoch"]], dpcn.device_number(header["device"]), way)
        key = dpcn.session_key(channel, header["session"], header["boot"])
        return hmac.digest(key, covered, hashlib.sha256)[: dpcn.MAC_BYTES]


class Victim:
    """A device, as the thief sees it."""

    def __init__(self, device):
        self.device = device
        self.said = 0
        self.version = dpcn.VERSION
        self.boot = self.heard = self.clock_ms = self.index = 0
        self.address = None


class Thief:
    def __init__(self, keys, replica):
        self.keys = keys
        self.replica = replica
        self.session = secrets.randbits(64) | 1
        self.victims = {}
        self.verdicts = collections.Counter()

    def hear(self, datagram, sender):
        for frame in dpcn.split(datagram):
            said = dpcn.decode(frame, self.keys)
            victim = self.victims.setdefault(dpcn.device_number(said["device"]), Victim(said["device"]))
            victim.version = said["version"]
            victim.boot, victim.heard = said["boot"], max(victim.heard, said["sequence"])
            victim.clock_ms = max(victim.clock_ms, said["body"]["device_clock_ms"])
            victim.address = sender
            # What tells of outlets tells of no fence.
            if "fence" in said["body"]:
                victim.index = max(victim.index, said["body"]["fence"]["index"])
            if said["kind"] == "ack":
                self.verdicts[said["body"]["verdict"]] += 1

    def frames(self, victim):
        """A beat that opens the session and claims the lease, an order, and an endorsement of the same."""
        victim.index += 1
        order = {
            "fence": {"term": TERM, "index": victim.index},
            "entry_term": 1,
            "expires_at_ms": victim.clock_ms + EXPIRY_MS,
            "setpoint": NOTHING[victim.device["kind"]],
        }
        beat = {"term": TERM, "lease_until_ms": victim.clock_ms + LEASE_MS}
        for kind, body in (("beat", beat), ("endorsement", order), ("order", order)):
            victim.said += 1
            said = {
                "version": victim.version,
                "kind": kind,
                "replica": self.replica,
                "device": victim.device,
                "epoch": self.keys.epoch,
                "session": self.session,
                "boot": victim.boot,
                "sequence": victim.said,
                "heard": victim.heard,
                "body": body,
            }
            yield dpcn.encode(said, self.keys)


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", required=True)
    parser.add_argument("--replica", type=int, required=True)
    parser.add_argument("--listen", type=address, required=True)
    parser.add_argument("--listen-b", type=address)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    thief = Thief(Stolen(options.keys), options.replica)
    selector = selectors.DefaultSelector()
    for where in filter(None, (options.listen, options.listen_b)):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(where)
        own.setblocking(False)
        selector.register(own, selectors.EVENT_READ)
    end, due = time.monotonic() + options.seconds, time.monotonic()
    while time.monotonic() < end:
        for key, _ in selector.select(timeout=PERIOD_S / 5):
            try:
                datagram, sender = key.fileobj.recvfrom(2048)
            except BlockingIOError:
                continue
            thief.hear(datagram, (key.fileobj, sender))
        if time.monotonic() >= due:
            due += PERIOD_S
            for victim in thief.victims.values():
                own, sender = victim.address
                for frame in thief.frames(victim):
                    own.sendto(frame, sender)
    print(json.dumps({"devices": len(thief.victims), "answers": dict(sorted(thief.verdicts.items()))}))


if __name__ == "__main__":
    main()
