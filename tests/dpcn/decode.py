#!/usr/bin/env python3
"""Checks DPCN vectors and captures with a decoder that knows nothing but io/PROTOCOL.md.

    python3 tests/dpcn/decode.py vectors io/vectors/*.json
    python3 tests/dpcn/decode.py pcap FILE --secret FILE [--output json]
    python3 tests/dpcn/decode.py write FILE.pcap io/vectors/*.json

`vectors` decodes, verifies and encodes every vector and ends with status 1 at the first that is wrong, by name; it also
misses what no vector shows. `pcap` does the same for every frame of a capture and counts them by kind. `write` makes a
capture of vectors, for Wireshark.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import capture
import dpcn
from dpcn import Receiver, Refused, Site


class Wrong(Exception):
    """What is not as it should be, with the name of the vector or packet."""


# --- Vectors ------------------------------------------------------------------------------------------------------


def check_vectors(files):
    shown = Counter()
    for file in files:
        document = json.loads(file.read_text())
        if document["dpcn"] != dpcn.VERSION:
            raise Wrong(f"{file}: of version {document['dpcn']}")
        site = site_of(document)
        for vector in document["vectors"]:
            name = f"{file}: {vector['name']}"
            try:
                check_vector(vector, site, shown)
            except Wrong as wrong:
                raise Wrong(f"{name}: {wrong}") from None
            except Refused as refused:
                raise Wrong(f"{name}: refused as {refused}") from None
            shown["vectors"] += 1
    missing = [what for what in wanted() if not shown[what]]
    if missing:
        raise Wrong(f"no vector shows {', '.join(missing)}")
    return shown


def check_vector(vector, site, shown):
    if "keys" in vector:
        check_keys(vector, shown)
    elif "refused" in vector:
        check_refused(vector, site, shown)
    else:
        check_frames(vector, site, shown)


def check_keys(vector, shown):
    secret = bytes.fromhex(vector["site_secret"])
    device = dpcn.device_number(vector["device"])
    life = (vector["session"], vector["boot"])
    of_replica = dpcn.replica_secret(secret, vector["epoch"], vector["replica"])
    to_device, to_replica = (dpcn.channel_key(of_replica, device, way) for way in (b"d", b"c"))
    derived = {
        "replica_secret": of_replica,
        "to_device": to_device,
        "to_replica": to_replica,
        "session_to_device": dpcn.session_key(to_device, *life),
        "session_to_replica": dpcn.session_key(to_replica, *life),
    }
    for name, key in derived.items():
        if vector["keys"][name] != key.hex():
            raise Wrong(f"{name} is {key.hex()}, the vector says {vector['keys'][name]}")
    shown["keys"] += 1


def check_frames(vector, site, shown):
    datagram = bytes.fromhex(vector["bytes"])
    frames = [dpcn.decode(frame, site) for frame in dpcn.split(datagram)]
    if len(frames) != len(vector["frames"]):
        raise Wrong(f"{len(frames)} frames, the vector says {len(vector['frames'])}")
    for found, said in zip(frames, vector["frames"]):
        differing(found, said, "")
        note(found, shown)
    # The other way round: what the vector says, written by this program.
    written = b"".join(dpcn.encode(said, site) for said in vector["frames"])
    if written != datagram:
        at = next(at for at, (ours, theirs) in enumerate(zip(written, datagram)) if ours != theirs)
        raise Wrong(f"byte {at} is {datagram[at]:02x}, encoding says {written[at]:02x}")
    if len(frames) > 1:
        shown["several frames in one datagram"] += 1


def check_refused(vector, site, shown):
    receiver = receiver_of(vector["receiver"])
    site = Site({epoch: site.secrets[epoch] for epoch in vector["receiver"]["epochs"]})
    good = 0
    try:
        for frame in dpcn.split(bytes.fromhex(vector["bytes"])):
            dpcn.decode(frame, site, receiver)
            good += 1
    except Refused as refused:
        if refused.reason != vector["refused"]:
            raise Wrong(f"refused as {refused}, the vector says {vector['refused']}") from None
        if good != vector["frames_before"]:
            raise Wrong(f"{good} frames before it, the vector says {vector['frames_before']}") from None
        shown[f"refused as {refused.reason}"] += 1
        return
    raise Wrong(f"taken, the vector says {vector['refused']}")


def differing(found, said, where):
    """Raises at the first field that is not the same, of the same type."""
    if isinstance(found, dict) and isinstance(said, dict):
        for name in [*found, *(name for name in said if name not in found)]:
            if name not in found or name not in said:
                raise Wrong(f"{where}{name} is only on one side")
            differing(found[name], said[name], f"{where}{name}.")
    elif isinstance(found, list) and isinstance(said, list) and len(found) == len(said):
        for nth, (one, other) in enumerate(zip(found, said)):
            differing(one, other, f"{where}{nth}.")
    elif type(found) is not type(said) or found != said:
        raise Wrong(f"{where[:-1]} is {found!r}, the vector says {said!r}")


def site_of(document):
    return Site({secret["epoch"]: bytes.fromhex(secret["secret"]) for secret in document.get("secrets", [])})


def receiver_of(said):
    if "device" in said:
        return Receiver(device=dpcn.device_number(said["device"]), peers=tuple(said["replicas"]))
    return Receiver(replica=said["replica"], peers=tuple(dpcn.device_number(device) for device in said["devices"]))


def note(frame, shown):
    body = frame["body"]
    shown[f"kind {frame['kind']}"] += 1
    shown[f"version {frame['version']}"] += 1
    shown[f"device {frame['device']['kind']}"] += 1
    for outlet in body.get("outlet", ()):
        shown[f"outlet {outlet['state']}"] += 1
    if "verdict" in body:
        shown[f"verdict {body['verdict']}"] += 1
    if "reading" in body:
        for name in ("kind", "switch", "generator", "tripped", "available"):
            if name in body["reading"]:
                shown[f"reading {name} {body['reading'][name]}"] += 1
    if "setpoint" in body:
        setpoint = body["setpoint"] or {"kind": "none"}
        for name in ("kind", "direction", "generator"):
            if name in setpoint:
                shown[f"setpoint {name} {setpoint[name]}"] += 1


def wanted():
    """What a complete set of vectors shows."""
    yield from ("keys", "several frames in one datagram")
    yield from (f"kind {name}" for name in dpcn.KINDS.values())
    yield from (f"version {version}" for version in dpcn.VERSIONS)
    yield from (f"outlet {name}" for name in dpcn.OUTLETS.values())
    yield from (f"device {name}" for name in dpcn.DEVICES.values())
    yield from (f"verdict {name}" for name in dpcn.VERDICTS.values())
    yield from (f"reading kind {name}" for name in dpcn.DEVICES.values())
    yield from (f"reading switch {name}" for name in dpcn.SWITCHES.values())
    yield from (f"reading generator {name}" for name in dpcn.PHASES.values())
    yield from (f"reading {name} {yes}" for name in ("tripped", "available") for yes in (False, True))
    yield from (f"setpoint kind {name}" for name in ("none", *dpcn.DEVICES.values()))
    yield from (f"setpoint direction {name}" for name in dpcn.DIRECTIONS.values())
    yield from (f"setpoint generator {name}" for name in dpcn.DUTIES.values())
    yield from (f"refused as {reason}" for reason in (*dpcn.MALFORMED, "misaddressed", "unknown_epoch", "bad_mac"))


# --- Captures -----------------------------------------------------------------------------------------------------


def check_capture(file, site):
    """Frames by kind, datagrams by what they are; raises at the first that is wrong."""
    kinds = dict.fromkeys(dpcn.KINDS.values(), 0)
    counts = Counter({"datagrams": 0, "coalesced": 0, "other": 0})
    first_order = None
    for datagram in capture.datagrams(file):
        if not datagram.payload.startswith(dpcn.MAGIC):
            counts["other"] += 1
            continue
        try:
            frames = [dpcn.decode(frame, site) for frame in dpcn.split(datagram.payload)]
        except Refused as refused:
            ends = f"{datagram.source} -> {datagram.destination}"
            raise Wrong(f"packet {datagram.number}, {ends}: {refused}") from None
        counts["datagrams"] += 1
        counts["coalesced"] += len(frames) > 1
        for frame in frames:
            kinds[frame["kind"]] += 1
            if frame["kind"] == "order" and first_order is None:
                first_order = datagram.number
    return {**counts, "first_order": first_order, "frames": kinds}


def read_secrets(file):
    """The secrets of a site by epoch: one or two lines, `EPOCH SECRET`; a secret alone is of epoch 1, `#` begins a remark."""
    secrets = {}
    for line in file.read_text("ascii").split("\n"):
        words = line.split("#")[0].split()
        if words:
            epoch, digits = words if len(words) == 2 else ("1", *words)
            secrets[int(epoch)] = bytes.fromhex(digits)
    if not secrets or any(len(secret) != 32 for secret in secrets.values()):
        raise Wrong(f"{file}: no lines of an epoch and 64 hexadecimal digits")
    return secrets


def add_capture_options(parser):
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--secret", type=Path, required=True, metavar="FILE", help="the site's secrets")


# --- Commands -----------------------------------------------------------------------------------------------------


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    vectors = commands.add_parser("vectors", help="check vectors")
    vectors.add_argument("files", nargs="+", type=Path, metavar="FILE")
    pcap = commands.add_parser("pcap", help="check a capture")
    add_capture_options(pcap)
    pcap.add_argument("--output", choices=("text", "json"), default="text")
    write = commands.add_parser("write", help="make a capture of vectors")
    write.add_argument("file", type=Path, metavar="FILE")
    write.add_argument("files", nargs="+", type=Path, metavar="VECTORS")
    options = parser.parse_args(words)
    try:
        run(options)
    except (Wrong, capture.BadCapture, OSError, ValueError, KeyError) as wrong:
        print(f"decode.py: {type(wrong).__name__}: {wrong}", file=sys.stderr)
        return 1
    return 0


def run(options):
    if options.command == "vectors":
        shown = check_vectors(options.files)
        print(f"{shown['vectors']} vectors hold: fields, MACs, keys, refusals, encoding")
    elif options.command == "pcap":
        counts = check_capture(options.file, Site(read_secrets(options.secret)))
        print(json.dumps(counts, indent=2) if options.output == "json" else text_of(counts))
    else:
        documents = [json.loads(file.read_text()) for file in options.files]
        vectors = [vector for document in documents for vector in document["vectors"]]
        capture.write(options.file, [bytes.fromhex(vector["bytes"]) for vector in vectors if "bytes" in vector])


def text_of(counts):
    frames = ", ".join(f"{count} {kind}" for kind, count in counts["frames"].items())
    rest = f"{counts['coalesced']} with several frames, {counts['other']} of another protocol"
    return f"{counts['datagrams']} datagrams ({rest}): {frames}; every MAC is right"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
