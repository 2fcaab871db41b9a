#!/usr/bin/env python3
"""Checks the Wireshark dissector io/wireshark/dpcn.lua, as `tshark` runs it.

    python3 tests/dpcn/dissect.py vectors io/vectors/*.json
    python3 tests/dpcn/dissect.py capture FILE.pcapng --secret FILE

`vectors`: every field of every vector is shown as the vector says, every byte belongs to a field, and malformed is what
the vectors say is malformed. `capture`: every kind of frame is there, with the right MAC; in 40,000 packets around the
first order nothing is malformed or left undissected, and there are as many of each kind as decode.py finds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import capture
import decode
import dpcn
from decode import Wrong

SCRIPT = Path(__file__).resolve().parents[2] / "io/wireshark/dpcn.lua"
# So many packets are dissected, because Lua takes a third of a millisecond for each.
PACKETS_MAX = 40_000
UNITS = ("_permille", "_rpm", "_ms", "_mv", "_w", "_j")
NUMBERS = {
    "device.kind": dpcn.DEVICES,
    "kind": dpcn.KINDS,
    "verdict": dpcn.VERDICTS,
    "setpoint.kind": {0: "none", 1: "kesm", 2: "tie", 3: "pdu", 4: "supply"},
    "setpoint.direction": dpcn.DIRECTIONS,
    "setpoint.generator": dpcn.DUTIES,
    "outlet.state": dpcn.OUTLETS,
    "reading.kind": dpcn.DEVICES,
    "reading.switch": dpcn.SWITCHES,
    "reading.generator": dpcn.PHASES,
}


def tshark(file, words):
    # Ports of other protocols must not win over the heuristic, nor preferences of whoever runs this.
    command = ["tshark", "-n", "-o", "udp.try_heuristic_first:TRUE", "-X", f"lua_script:{SCRIPT}", "-r", file, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    if done.returncode != 0 or complaints:
        raise Wrong(f"tshark ended with status {done.returncode}: {' '.join(complaints)}")
    return done.stdout


# --- Vectors ------------------------------------------------------------------------------------------------------


def check_vectors(files):
    vectors = []
    for file in files:
        named = ((f"{file}: {vector['name']}", vector) for vector in json.loads(file.read_text())["vectors"])
        vectors += [(name, vector) for name, vector in named if vector.get("bytes")]
    with tempfile.TemporaryDirectory() as folder:
        pcap = Path(folder) / "vectors.pcap"
        capture.write(pcap, [bytes.fromhex(vector["bytes"]) for _, vector in vectors])
        packets = ElementTree.fromstring(tshark(pcap, ["-T", "pdml"])).findall("packet")
    if len(packets) != len(vectors):
        raise Wrong(f"{len(vectors)} vectors became {len(packets)} packets")
    for (name, vector), packet in zip(vectors, packets):
        try:
            check_packet(vector, packet)
        except Wrong as wrong:
            raise Wrong(f"{name}: {wrong}") from None
    return len(vectors)


def check_packet(vector, packet):
    shown = packet.find("proto[@name='dpcn']")
    malformed = packet.find(".//field[@name='dpcn.malformed']") is not None
    if "refused" in vector:
        wanted = vector["refused"] in dpcn.MALFORMED
        # What does not begin like a frame is none of this dissector's business.
        begins = bytes.fromhex(vector["bytes"]).startswith(dpcn.MAGIC)
        if (shown is not None) != begins:
            raise Wrong("taken" if shown is not None else "not taken")
        if begins and malformed != wanted:
            raise Wrong(f"refused as {vector['refused']}, shown as {'' if malformed else 'not '}malformed")
        return
    if shown is None:
        raise Wrong("not taken for DPCN")
    if malformed:
        raise Wrong("shown as malformed")
    frames = shown.findall("proto[@name='dpcn']")
    if len(frames) != len(vector["frames"]):
        raise Wrong(f"{len(frames)} frames are shown, the vector has {len(vector['frames'])}")
    covered = set()
    for frame, said in zip(frames, vector["frames"]):
        fields = {field.get("name"): field for field in frame.iter("field")}
        for name, values in listed(said["body"]):
            found = [int(field.get("show"), 0) for field in frame.iter("field") if field.get("name") == f"dpcn.{name}"]
            if found != values:
                raise Wrong(f"dpcn.{name} is shown as {found}, the vector says {values}")
        for name, value in flat(said):
            field = fields.get(f"dpcn.{name}")
            if field is None:
                raise Wrong(f"dpcn.{name} is not shown")
            found = field.get("value") if name == "mac" else int(field.get("show"), 0)
            if found != value:
                raise Wrong(f"dpcn.{name} is shown as {found}, the vector says {value}")
        for field in frame.iter("field"):
            begin = int(field.get("pos"))
            covered.update(range(begin, begin + int(field.get("size"))))
    begin = int(shown.get("pos"))
    left = set(range(begin, begin + len(vector["bytes"]) // 2)) - covered
    if left:
        raise Wrong(f"bytes {sorted(at - begin for at in left)} belong to no field")


def listed(body):
    """Name and numbers of what a frame says several times."""
    for name, each in body.items():
        if isinstance(each, list):
            columns = zip(*(flat(one, f"{name}.") for one in each))
            yield from ((column[0][0], [value for _, value in column]) for column in columns)


def flat(said, where=""):
    """Name and number of everything that a frame of a vector says, as the dissector names it."""
    for name, value in said.items():
        if name == "body":
            yield from flat(value)
            continue
        unit = next((unit for unit in UNITS if name.endswith(unit)), "")
        name = where + name.removesuffix(unit)
        if name == "setpoint" and value is None:
            yield "setpoint.kind", 0
        elif isinstance(value, list):
            continue
        elif isinstance(value, dict):
            yield from flat(value, f"{name}.")
        elif name in NUMBERS:
            yield name, dpcn.number_of(NUMBERS[name], value)
        else:
            yield name, int(value) if isinstance(value, bool) else value


# --- Captures -----------------------------------------------------------------------------------------------------


def check_capture(file, site):
    """What decode.py finds in all of the capture and tshark in the part of it that has the first order."""
    decoded = decode.check_capture(file, site)
    missing = [kind for kind, count in decoded["frames"].items() if count == 0]
    if missing:
        raise Wrong(f"no frame of kind {', '.join(missing)} in {decoded['datagrams']} datagrams")
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.pcapng"
        begin = max(1, decoded["first_order"] - PACKETS_MAX // 10)
        cut = ["editcap", "-r", file, part, f"{begin}-{begin + PACKETS_MAX - 1}"]
        subprocess.run(cut, check=True, capture_output=True)
        check_dissected(part, decode.check_capture(part, site))
    return decoded


def check_dissected(file, decoded):
    words = ["-Y", "dpcn", "-T", "fields"]
    for name in ("frame.number", "dpcn.kind", "dpcn.malformed", "dpcn.undissected"):
        words += ["-e", name]
    counts, datagrams = Counter(), 0
    for line in tshark(file, words).splitlines():
        number, kinds, malformed, undissected = line.split("\t")
        if malformed or undissected:
            raise Wrong(f"packet {number}: malformed, or bytes left undissected")
        counts.update(dpcn.KINDS[int(kind)] for kind in kinds.split(","))
        datagrams += 1
    dissected = {kind: counts[kind] for kind in dpcn.KINDS.values()}
    if (datagrams, dissected) != (decoded["datagrams"], decoded["frames"]):
        raise Wrong(f"tshark shows {datagrams} datagrams, {dissected}; decode.py has {decoded}")
    missing = [kind for kind, count in dissected.items() if count == 0]
    if missing:
        raise Wrong(f"no frame of kind {', '.join(missing)} in the {datagrams} datagrams that tshark has dissected")


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    vectors = commands.add_parser("vectors", help="check the dissector on vectors")
    vectors.add_argument("files", nargs="+", type=Path, metavar="FILE")
    of_capture = commands.add_parser("capture", help="check the dissector on a capture")
    decode.add_capture_options(of_capture)
    options = parser.parse_args(words)
    try:
        if options.command == "vectors":
            print(f"{check_vectors(options.files)} vectors are shown as they are")
        else:
            counts = check_capture(options.file, dpcn.Site(decode.read_secrets(options.secret)))
            print(f"{decode.text_of(counts)}; tshark shows the same")
    except (Wrong, capture.BadCapture, OSError, ValueError, KeyError) as wrong:
        print(f"dissect.py: {type(wrong).__name__}: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
