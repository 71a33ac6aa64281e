"""A TCP and HTTP proxy on loopback that damages what passes it, by a seed.

    proxy = FaultProxy(upstream_port, seed=7)
    proxy.rate = 0.2            # of the requests; 0: everything passes
    proxy.rule = function       # or: called with each Request, gives the name of a fault or None
    ... 127.0.0.1:proxy.port ...
    proxy.close()

Which fault the n-th request of a proxy gets depends on the seed and n alone. The faults:

    refuse        the connection breaks, and for a moment new ones are refused
    reset         the connection breaks before the server sees anything
    lose_answer   the server does its work, then the connection breaks
    late          the connection breaks, and the server sees the request seconds later
    stall         no answer, and the server sees nothing
    stall_after   the server does its work, and there is no answer
    status_500, status_503, status_429    an answer of the proxy's own, with and without Retry-After
    slow          the answer comes in small pieces
    truncate      the answer breaks off in the middle
    damage_request, damage_answer         one byte of a body is another
    forbidden     what Azure and S3 say of credentials that are expired
    down          as reset, at once: an account that is gone

With `s3=True` the proxy does what Amazon S3 does and s3rver doesn't: it refuses a body whose SHA-256 isn't the one
that the request was signed with, and lets nobody see an object that is half written (`lock` is held by writes).
"""
import collections
import email.utils
import hashlib
import random
import socket
import struct
import threading
import time

Request = collections.namedtuple('Request', 'number method target headers body')

KINDS = {'refuse': 2, 'reset': 10, 'lose_answer': 14, 'late': 8, 'stall': 3, 'stall_after': 3, 'status_500': 10,
         'status_503': 12, 'status_429': 8, 'slow': 6, 'truncate': 12, 'damage_request': 8, 'damage_answer': 4}
LATE_SECONDS = (0.5, 3.0)
LONGEST_STALL = 100


def receive_head(connection):
    data = b''
    while b'\r\n\r\n' not in data:
        piece = connection.recv(65536)
        if not piece:
            return None, b''
        data += piece
    head, _, rest = data.partition(b'\r\n\r\n')
    return head, rest


def break_off(connection):
    """Closing then sends RST: the client sees a broken connection and no end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


class FaultProxy:
    def __init__(self, upstream_port, seed=0, s3=False, lock=None):
        self.upstream_port, self.seed, self.s3 = upstream_port, seed, s3
        self.lock = lock or threading.RLock()
        self.rate, self.rule = 0.0, None
        self.counts = collections.Counter()
        self.requests = 0
        self._numbers, self._refusing = threading.Lock(), threading.Lock()
        self._closing = False
        self._open = set()
        self._late = []
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        self._closing = True
        self._listener.close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join()
        self.settle()

    def settle(self):
        """Waits until what is late has arrived."""
        for thread in list(self._late):
            thread.join()

    def _listen(self, port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', port))
        listener.listen(256)
        listener.settimeout(0.2)
        return listener

    def _accept(self):
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except socket.timeout:
                continue
            except OSError:
                if not self._closing:
                    time.sleep(0.005)  # refused for the moment
                continue
            connection.settimeout(None)
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _refuse(self):
        if not self._refusing.acquire(blocking=False):
            return
        self._listener.close()
        time.sleep(0.05)
        while not self._closing:
            try:
                self._listener = self._listen(self.port)
                break
            except OSError:
                time.sleep(0.01)  # a client's end of a connection may have the port for the moment
        self._refusing.release()

    def _serve(self, connection):
        try:
            head, body = receive_head(connection)
            if head is None:
                return
            lines = head.decode('latin-1').split('\r\n')
            method, target, _ = lines[0].split(' ', 2)
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(':')
                headers[name.strip().lower()] = value.strip()
            length = int(headers.get('content-length', 0)) if method != 'HEAD' else 0
            while len(body) < length:
                piece = connection.recv(1 << 20)
                if not piece:
                    return
                body += piece
            with self._numbers:
                self.requests += 1
                number = self.requests
            request = Request(number, method, target, headers, body)
            kind = self._decide(request)
            self.counts[kind or 'none'] += 1
            self._answer(connection, request, kind, head)
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            connection.close()

    def _decide(self, request):
        if self.rule:
            return self.rule(request)
        dice = random.Random(f'{self.seed}/{request.number}')
        if dice.random() >= self.rate:
            return None
        return dice.choices(list(KINDS), list(KINDS.values()))[0]

    def _answer(self, connection, request, kind, head):
        dice = random.Random(f'{self.seed}/{request.number}/how')
        if kind in ('reset', 'down'):
            return break_off(connection)
        if kind == 'refuse':
            break_off(connection)
            return self._refuse()
        if kind == 'late':
            break_off(connection)
            thread = threading.Thread(target=self._deliver_late, args=(head, request.body, dice.uniform(*LATE_SECONDS)))
            self._late.append(thread)
            return thread.start()
        if kind == 'stall':
            return self._wait_for_end(connection)
        if kind == 'forbidden':
            code = 'ExpiredToken' if self.s3 else 'AuthenticationFailed'
            return self._send(connection, 403, {'x-ms-error-code': code},
                              f'<?xml version="1.0"?><Error><Code>{code}</Code></Error>'.encode(), request)
        if kind and kind.startswith('status_'):
            later = dice.choice([None, '0', '1', email.utils.formatdate(time.time() + 1, usegmt=True)])
            code = {'status_500': 'InternalError', 'status_503': 'ServerBusy', 'status_429': 'SlowDown'}[kind]
            extra = {'Retry-After': later} if later and kind != 'status_500' else {}
            return self._send(connection, int(kind[7:]), extra,
                              f'<?xml version="1.0"?><Error><Code>{code}</Code></Error>'.encode(), request)
        body = request.body
        if kind == 'damage_request' and body:
            place = dice.randrange(len(body))
            body = body[:place] + bytes([body[place] ^ (1 << dice.randrange(8))]) + body[place + 1:]
        if self.s3 and self._is_damaged(request, body):
            return self._send(connection, 400, {}, b'<?xml version="1.0"?><Error><Code>XAmzContentSHA256Mismatch</Code>'
                                                   b'</Error>', request)
        answer = self._ask(head, body)
        if kind == 'lose_answer' or not answer:
            return break_off(connection)
        if kind == 'stall_after':
            return self._wait_for_end(connection)
        start = answer.find(b'\r\n\r\n') + 4
        if kind == 'truncate':
            answer = answer[:dice.randrange(1, len(answer))]
        if kind == 'damage_answer' and len(answer) > start:
            place = dice.randrange(start, len(answer))
            answer = answer[:place] + bytes([answer[place] ^ (1 << dice.randrange(8))]) + answer[place + 1:]
        if kind == 'slow':
            step = max(1, len(answer) // 8)
            for place in range(0, len(answer), step):
                connection.sendall(answer[place:place + step])
                time.sleep(0.05)
            return None
        connection.sendall(answer)
        return break_off(connection) if kind == 'truncate' else None

    def _is_damaged(self, request, body):
        signed = request.headers.get('x-amz-content-sha256', '')
        return len(signed) == 64 and hashlib.sha256(body).hexdigest() != signed

    def _deliver_late(self, head, body, seconds):
        time.sleep(seconds)
        try:
            self._ask(head, body)
        except OSError:
            pass

    def _wait_for_end(self, connection):
        connection.settimeout(LONGEST_STALL)
        while connection.recv(65536):
            pass

    def _send(self, connection, status, headers, body, request):
        lines = [f'HTTP/1.1 {status} Fault', 'Connection: close', f'Content-Length: {len(body)}',
                 *(f'{name}: {value}' for name, value in headers.items())]
        connection.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + (b'' if request.method == 'HEAD' else body))

    def _ask(self, head, body):
        """The server's whole answer; one request a connection."""
        writes = self.s3 and head.split(b' ', 1)[0] in (b'PUT', b'POST', b'DELETE')
        if not writes:
            return self._ask_now(head, body)
        with self.lock:
            return self._ask_now(head, body)

    def _ask_now(self, head, body):
        with socket.create_connection(('127.0.0.1', self.upstream_port), timeout=60) as server:
            server.sendall(head + b'\r\nConnection: close\r\n\r\n' + body)
            pieces = []
            while True:
                piece = server.recv(1 << 20)
                if not piece:
                    return b''.join(pieces)
                pieces.append(piece)
