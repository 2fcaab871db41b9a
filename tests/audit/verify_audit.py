"""Verifies the audit of a log a second time: written from the published specifications and the page of the segments'
format (raft/log/src/format.rs), with Python's standard library alone and no code of the project.

    verify_audit.py log DIR [DIR...] --witness VKEY [VKEY...]
    verify_audit.py proof FILE --witness VKEY [VKEY...]

Exit status: 0 holds; 1 does not hold; 2 cannot be read.

RFC 6962 (tree), RFC 8032 (Ed25519), C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof.
"""

import argparse
import base64
import hashlib
import pathlib
import re
import struct
import sys

# --- Ed25519, RFC 8032, 5.1 -------------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(one, other):
    """The sum of two points in extended coordinates."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def same(one, other):
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def decompress(data):
    """The point that 32 bytes stand for, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def vouches(public, message, signature):
    key, commitment = decompress(public), decompress(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return same(multiply(scalar, BASE), add(commitment, multiply(challenge, key)))


# --- the tree, RFC 6962, 2.1 ------------------------------------------------------------------------------------------


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(root_of(leaves[:middle]), root_of(leaves[middle:]))


def root_by_proof(leaf, index, size, proof):
    """The root that a proof leads to, by the recursion of RFC 6962, 2.1.1; None when it has another length."""
    if size == 1:
        return leaf if not proof else None
    middle = 1
    while middle * 2 < size:
        middle *= 2
    if not proof:
        return None
    if index < middle:
        below = root_by_proof(leaf, index, middle, proof[:-1])
        return below and node_hash(below, proof[-1])
    below = root_by_proof(leaf, index - middle, size - middle, proof[:-1])
    return below and node_hash(proof[-1], below)


# --- notes and checkpoints --------------------------------------------------------------------------------------------


class Unreadable(Exception):
    pass


def decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Unreadable(f"no base64: {text[:40]}") from error


def witness(vkey):
    name, key_id, material = vkey.split("+", 2)
    data = decoded(material)
    if len(data) != 33 or data[0] != 4:
        raise Unreadable(f"{name}: no key for cosignatures")
    digest = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    if digest.hex() != key_id:
        raise Unreadable(f"{name}: another key id")
    return name, digest, data[1:]


def open_note(data, witnesses):
    """Origin, size, root and who of the witnesses signed; raises when one of their signatures is forged."""
    text, _, lines = data.decode().rpartition("\n\n")
    text += "\n"
    origin, size, root, rest = text.split("\n")
    if rest or str(int(size)) != size:
        raise Unreadable("no checkpoint")
    signed = []
    for line in lines.splitlines():
        match = re.fullmatch("— (\\S+) (\\S+)", line)
        if not match:
            raise Unreadable("no signature's line")
        signature = decoded(match[2])
        for name, key_id, public in witnesses:
            if name == match[1] and key_id == signature[:4]:
                (time,) = struct.unpack(">Q", signature[4:12])
                if not vouches(public, f"cosignature/v1\ntime {time}\n{text}".encode(), signature[12:]):
                    raise Unreadable(f"a forged signature of {name}")
                signed.append(name)
    return origin, int(size), decoded(root), signed


# --- the log ----------------------------------------------------------------------------------------------------------


def read_log(folder):
    """The cluster and the entries in force by their index."""
    entries, cluster = {}, None
    for segment in sorted((folder / "log").glob("log-*.seg")):
        data = segment.read_bytes()
        if data[:8] != b"RDTHRLOG":
            raise Unreadable(f"{segment}: no segment")
        (version,) = struct.unpack_from("<I", data, 8)
        if version not in (1, 2):
            raise Unreadable(f"{segment}: format {version}")
        cluster, at = data[12:28], 40
        while at + 8 <= len(data):
            if version == 2 and -at % 512 in range(1, 8):
                at += -at % 512
            (length,) = struct.unpack_from("<I", data, at)
            if length == 0:
                break
            kind, body = data[at + 8] & 0x7F, data[at + 17 : at + 8 + length]
            if kind == 1:
                entries[struct.unpack_from("<Q", body)[0]] = body[8:]
            elif kind == 3:
                first = struct.unpack_from("<Q", body)[0]
                entries = {index: entry for index, entry in entries.items() if index < first}
            at += 8 + length
    if cluster is None:
        raise Unreadable(f"{folder}: no log")
    return cluster, entries


def check_logs(folders, witnesses):
    faults, signed, leaves = [], [], []
    for folder in folders:
        cluster, entries = read_log(folder)
        whole = []
        while len(whole) in entries:
            whole.append(leaf_hash(entries[len(whole)]))
        if len(whole) != len(entries):
            faults.append(f"{folder}: entry {len(whole)} is missing")
        leaves.append(whole)
        own = 0
        for file in sorted((folder / "audit").glob("checkpoint-*.note")):
            try:
                origin, size, root, names = open_note(file.read_bytes(), witnesses)
            except (Unreadable, ValueError) as error:
                faults.append(f"{file}: {error}")
                continue
            if origin != f"ridethrough/{cluster.hex()}":
                faults.append(f"{file}: another log")
            elif names:
                own = max(own, size)
                signed.append((size, root, names[0]))
        if own == 0:
            faults.append(f"{folder}: no checkpoint by a named witness")
        if own > len(whole):
            faults.append(f"{folder}: {own} entries were signed, there are {len(whole)}")
    by_size = {}
    for size, root, name in signed:
        if by_size.setdefault(size, root) != root:
            faults.append(f"a fork at {size} entries ({name})")
    for folder, whole in zip(folders, leaves):
        for size, root, name in sorted(signed):
            if size <= len(whole) and root_of(whole[:size]) != root:
                faults.append(f"{folder}: the first {size} entries are not what {name} signed")
                break
    return faults


def check_proof(file, witnesses):
    head, _, note = file.read_bytes().partition(b"\n\n")
    header, extra, index, *hashes = head.decode().split("\n")
    if header != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
        raise Unreadable("no proof")
    _, size, root, names = open_note(note, witnesses)
    if not names:
        return ["no witness that was named"]
    entry, index = decoded(extra[6:]), int(index[6:])
    found = index < size and root_by_proof(leaf_hash(entry), index, size, [decoded(line) for line in hashes])
    return [] if found == root else [f"entry {index} is not in the signed log of {size} entries"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["log", "proof"])
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    parser.add_argument("--witness", nargs="+", required=True)
    asked = parser.parse_args()
    try:
        witnesses = [witness(vkey) for vkey in asked.witness]
        if asked.what == "log":
            faults = check_logs(asked.paths, witnesses)
        else:
            faults = [fault for file in asked.paths for fault in check_proof(file, witnesses)]
    except (Unreadable, ValueError, OSError) as error:
        print(f"unreadable: {error}")
        return 2
    print("\n".join(faults) if faults else "holds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
