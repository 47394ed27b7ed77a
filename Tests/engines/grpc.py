"""A client of one gRPC server on a Unix socket: one call at a time, messages written by hand."""

import socket
import struct

import hpack

DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
WINDOW = 1 << 24


class Failure(Exception):
    """The server answered with a status that is not OK."""


def varint(number):
    number &= (1 << 64) - 1
    octets = bytearray()
    while number > 127:
        octets.append(number & 127 | 128)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def encode(fields):
    """A protobuf message of {number: value}: a value is an integer, text, bytes, a message, or a list of these."""
    message = b""
    for number, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                message += varint(number << 3) + varint(item)
            else:
                if isinstance(item, dict):
                    item = encode(item)
                elif isinstance(item, str):
                    item = item.encode()
                message += varint(number << 3 | 2) + varint(len(item)) + item
    return message


def decode(message):
    """{number: [value, ...]} of a message. What is a message in it is still encoded."""
    fields, position = {}, 0

    def read():
        nonlocal position
        number = shift = 0
        while True:
            octet = message[position]
            position += 1
            number |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return number

    while position < len(message):
        key = read()
        if key & 7 == 0:
            value = read()
        else:
            length = {1: 8, 5: 4}.get(key & 7) or (read() if key & 7 == 2 else None)
            value = message[position : position + length]
            position += length
        fields.setdefault(key >> 3, []).append(value)
    return fields


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(150)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.stream = -1
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(SETTINGS, 0, 0, struct.pack(">HI", 4, WINDOW))
        self.send(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW))

    def send(self, kind, flags, stream, payload):
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def receive(self, count):
        octets = b""
        while len(octets) < count:
            part = self.socket.recv(count - len(octets))
            if not part:
                raise Failure("the server has closed the connection")
            octets += part
        return octets

    def call(self, method, fields):
        """The decoded answer to a call of /service/method."""
        self.stream += 2
        request = encode(fields)
        headers = [(":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
                   ("content-type", "application/grpc"), ("te", "trailers")]
        self.send(HEADERS, END_HEADERS, self.stream, self.encoder.encode(headers))
        self.send(DATA, END_STREAM, self.stream, b"\0" + struct.pack(">I", len(request)) + request)
        answer, trailers = b"", {}
        while True:
            head = self.receive(9)
            payload = self.receive(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                self.send(PING, ACK, 0, payload)
            elif kind == GOAWAY:
                raise Failure("the server goes away: %r" % payload[8:])
            elif kind == HEADERS:
                trailers.update(self.decoder.decode(payload))
            elif kind == DATA:
                answer += payload
                if payload:
                    self.send(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(payload)))
            if stream == self.stream and kind in (HEADERS, DATA) and flags & END_STREAM:
                break
        if trailers.get("grpc-status") != "0":
            raise Failure("%s: %s" % (method, trailers.get("grpc-message")))
        return decode(answer[5:])
