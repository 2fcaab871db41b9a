"""UDP datagrams of a capture file, pcap or pcapng, and a writer of small ones. Standard library only."""

import ipaddress
import struct
from dataclasses import dataclass

NULL, ETHERNET, RAW, LOOP, COOKED, RAW_V4, RAW_V6, COOKED_2 = 0, 1, 101, 108, 113, 228, 229, 276
UDP = 17
# IPv6 extension headers that may stand before UDP: hop-by-hop, routing, destination options.
EXTENSIONS = {0, 43, 60}
VLAN = {0x8100, 0x88A8}


class BadCapture(Exception):
    """The file cannot be read as a capture, or a packet of it is not whole."""


@dataclass(frozen=True)
class Datagram:
    number: int
    """Of its packet in the file, counted from 1 as Wireshark does."""
    source: str
    destination: str
    payload: bytes


def datagrams(file):
    """Every UDP datagram of a capture file."""
    for number, (link, packet, length) in enumerate(packets(file.read_bytes()), start=1):
        found = udp(link, packet)
        if found is None:
            continue
        if len(packet) < length:
            raise BadCapture(f"packet {number}: only {len(packet)} of {length} bytes were captured")
        yield Datagram(number, *found)


def packets(data):
    """Link type, bytes and original length of every packet."""
    magic = data[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        yield from packets_pcapng(data)
    elif magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        yield from packets_pcap(data, "<")
    elif magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
        yield from packets_pcap(data, ">")
    else:
        raise BadCapture("neither pcap nor pcapng")


def packets_pcap(data, order):
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at < len(data):
        if at + 16 > len(data):
            raise BadCapture("the file ends within a packet")
        captured, length = struct.unpack_from(order + "II", data, at + 8)
        at += 16
        if at + captured > len(data):
            raise BadCapture("the file ends within a packet")
        yield link, data[at : at + captured], length
        at += captured


def packets_pcapng(data):
    order, links, snap, at = "<", [], [], 0
    while at < len(data):
        if at + 12 > len(data):
            raise BadCapture("the file ends within a block")
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links, snap = [], []
        kind, length = struct.unpack_from(order + "II", data, at)
        if length < 12 or length % 4 or at + length > len(data):
            raise BadCapture(f"a block of {length} bytes at {at}")
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            link, _, longest = struct.unpack_from(order + "HHI", body)
            links.append(link)
            snap.append(longest)
        elif kind == 6:
            interface, _, _, captured, full = struct.unpack_from(order + "IIIII", body)
            yield links[interface], body[20 : 20 + captured], full
        elif kind == 3:
            full = struct.unpack_from(order + "I", body)[0]
            captured = min(full, snap[0] or full, len(body) - 4)
            yield links[0], body[4 : 4 + captured], full
        elif kind == 2:
            interface, _, _, _, captured, full = struct.unpack_from(order + "HHIIII", body)
            yield links[interface], body[20 : 20 + captured], full
        at += length


def udp(link, packet):
    """Source, destination and payload, if the packet is a UDP datagram."""
    if link == ETHERNET:
        ether, at = struct.unpack_from(">H", packet, 12)[0], 14
        while ether in VLAN:
            ether, at = struct.unpack_from(">H", packet, at + 2)[0], at + 4
        if ether not in (0x0800, 0x86DD):
            return None
        network = packet[at:]
    elif link in (NULL, LOOP):
        network = packet[4:]
    elif link in (RAW, RAW_V4, RAW_V6):
        network = packet
    elif link == COOKED:
        network = packet[16:]
    elif link == COOKED_2:
        network = packet[20:]
    else:
        raise BadCapture(f"packets of link type {link} cannot be read here")
    version = network[0] >> 4 if network else 0
    if version == 4:
        return udp_v4(network)
    return udp_v6(network) if version == 6 else None


def udp_v4(network):
    head = (network[0] & 0x0F) * 4
    length, fragment = struct.unpack_from(">H", network, 2)[0], struct.unpack_from(">H", network, 6)[0]
    if network[9] != UDP:
        return None
    if fragment & 0x3FFF:
        raise BadCapture("a UDP datagram in fragments: DPCN never needs any")
    source, destination = (ipaddress.IPv4Address(network[at : at + 4]) for at in (12, 16))
    return payload(network[head:length], str(source), str(destination))


def udp_v6(network):
    after, at = network[6], 40
    while after in EXTENSIONS:
        after, at = network[at], at + 8 + network[at + 1] * 8
    if after != UDP:
        return None
    source, destination = (ipaddress.IPv6Address(network[at : at + 16]) for at in (8, 24))
    end = 40 + struct.unpack_from(">H", network, 4)[0]
    return payload(network[at:end], f"[{source}]", f"[{destination}]")


def payload(transport, source, destination):
    source_port, destination_port, length = struct.unpack_from(">HHH", transport)
    return f"{source}:{source_port}", f"{destination}:{destination_port}", transport[8:length]


def write(file, payloads, ports=(51000, 52000)):
    """A pcap file of these datagrams, as raw IPv4 between two ports of loopback."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW)]
    for number, data in enumerate(payloads):
        transport = struct.pack(">HHHH", *ports, 8 + len(data), 0) + data
        loopback = ipaddress.IPv4Address("127.0.0.1").packed
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(transport), number & 0xFFFF, 0x4000, 64, UDP, 0, *[loopback] * 2)
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        packet = head + transport
        out.append(struct.pack("<IIII", number // 1000, number % 1000 * 1000, len(packet), len(packet)) + packet)
    file.write_bytes(b"".join(out))


def checksum(head):
    total = sum(struct.unpack(">10H", head))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
