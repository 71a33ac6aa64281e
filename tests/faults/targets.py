"""Where the artifacts go in the fault tests: Azurite or s3rver with two accounts, each behind a proxy of its own, and
read by the tests without the server and without the proxies.
"""
import base64
import email.utils
import hashlib
import hmac
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'tests/crash'))

from crash_test import AzuriteTarget, Failure  # noqa: E402
from fault_proxy import FaultProxy             # noqa: E402

READY_SECONDS = 60
ACCOUNTS = ('one', 'two')
MODULES = os.path.join(ROOT, '.deps/node_modules')


class AzuriteAccounts:
    """Two containers of one Azurite, which the proxies make two accounts of."""

    def __init__(self, folder, seed):
        self.server = AzuriteTarget(folder, os.path.join(MODULES, 'azurite/dist/src/blob/main.js'))
        for name in ACCOUNTS:
            self.create(name)
        self.proxies = {name: FaultProxy(self.server.port, f'{seed}/{name}') for name in ACCOUNTS}

    def create(self, name):
        deadline = time.time() + READY_SECONDS
        while True:  # one that was deleted goes in its own time
            try:
                return self.server._create_container(name)
            except Failure:
                if time.time() > deadline:
                    raise
                time.sleep(0.2)

    def delete(self, name):
        date = email.utils.formatdate(usegmt=True)
        headers = {'x-ms-date': date, 'x-ms-version': '2021-08-06'}
        account = AzuriteTarget.ACCOUNT
        text = ('DELETE' + '\n' * 12 + ''.join(f'{key}:{value}\n' for key, value in sorted(headers.items()))
                + f'/{account}/{account}/{name}\nrestype:container')
        digest = hmac.new(base64.b64decode(AzuriteTarget.KEY), text.encode(), hashlib.sha256).digest()
        headers['Authorization'] = f'SharedKey {account}:{base64.b64encode(digest).decode()}'
        status, body = self.server._request('DELETE', f'/{AzuriteTarget.ACCOUNT}/{name}?restype=container', headers)
        if status != 202:
            raise Failure(f'delete {name}: {status} {body[:300]!r}')

    def root(self, account):
        return f'http://127.0.0.1:{self.proxies[account].port}/{AzuriteTarget.ACCOUNT}/{account}'

    def connection(self, account, folder):
        return f'{self.root(account)}/{folder};{AzuriteTarget.KEY}'

    def files(self, account, folder):
        """Public path as the server sees it -> (size, a function that reads it, or gives None where it has gone)."""
        found, marker = {}, ''
        while True:
            status, body = self.server._request(
                'GET', f'/{AzuriteTarget.ACCOUNT}/{account}?restype=container&comp=list&prefix={folder}/'
                       f'&marker={urllib.parse.quote(marker)}')
            if status != 200:
                raise Failure(f'list: {status} {body[:500]!r}')
            text = body.decode()
            for blob in re.findall(r'<Blob>.*?</Blob>', text, re.S):
                name = re.search(r'<Name>([^<]+)</Name>', blob).group(1)
                size = int(re.search(r'<Content-Length>(\d+)</Content-Length>', blob).group(1))
                found[f'{self.root(account)}/{name}'] = (size, lambda name=name: self._read(account, name))
            more = re.search(r'<NextMarker>([^<]+)</NextMarker>', text)
            if not more:
                return found
            marker = more.group(1)

    def _read(self, account, name):
        code, data = self.server._request('GET', f'/{AzuriteTarget.ACCOUNT}/{account}/{urllib.parse.quote(name)}')
        if code not in (200, 404):
            raise Failure(f'{name}: {code}')
        return data if code == 200 else None

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
        self.server.process.kill()  # which takes its time to end by itself
        self.server.close()


class S3Accounts:
    """Two buckets of one s3rver."""
    KEY = 'S3RVER'

    def __init__(self, folder, seed):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        data = os.path.join(folder, 's3rver')
        os.makedirs(data)
        self.log = open(os.path.join(folder, 's3rver.log'), 'w')
        self.process = subprocess.Popen(
            ['node', os.path.join(MODULES, 's3rver/bin/s3rver.js'), '--silent', '-d', data, '-p', str(self.port),
             '--no-vhost-buckets'], stdout=self.log, stderr=self.log)
        self.lock = threading.RLock()  # of both proxies, and of whoever reads past them
        deadline = time.time() + READY_SECONDS
        while True:
            try:
                for name in ACCOUNTS:
                    self.create(name)
                break
            except OSError:
                if time.time() > deadline:
                    raise Failure('s3rver does not answer')
                time.sleep(0.1)
        self.proxies = {name: FaultProxy(self.port, f'{seed}/{name}', True, self.lock) for name in ACCOUNTS}

    def create(self, name):
        status, body = self._request('PUT', f'/{name}')
        if status not in (200, 409):
            raise Failure(f'bucket: {status} {body[:300]!r}')

    def delete(self, name):
        status, body = self._request('DELETE', f'/{name}')
        if status != 204:
            raise Failure(f'delete {name}: {status} {body[:300]!r}')

    def _request(self, method, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def root(self, account):
        return f'http://127.0.0.1:{self.proxies[account].port}/{account}'

    def connection(self, account, folder):
        return f'{self.root(account)}/{folder};AwsCredentials={self.KEY},{self.KEY}'

    def files(self, account, folder):
        found, token = {}, ''
        while True:
            with self.lock:
                status, body = self._request('GET', f'/{account}?list-type=2&prefix={folder}/'
                                             + (f'&continuation-token={urllib.parse.quote(token)}' if token else ''))
            if status != 200:
                raise Failure(f'list: {status} {body[:500]!r}')
            text = body.decode()
            for entry in re.findall(r'<Contents>.*?</Contents>', text, re.S):
                name = re.search(r'<Key>([^<]+)</Key>', entry).group(1)
                size = int(re.search(r'<Size>(\d+)</Size>', entry).group(1))
                found[f'{self.root(account)}/{name}'] = (size, lambda name=name: self._read(account, name))
            more = re.search(r'<NextContinuationToken>([^<]+)</NextContinuationToken>', text)
            if not more:
                return found
            token = more.group(1)

    def _read(self, account, name):
        with self.lock:
            code, data = self._request('GET', f'/{account}/{urllib.parse.quote(name)}')
        if code not in (200, 404):
            raise Failure(f'{name}: {code}')
        return data if code == 200 else None

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
        self.process.terminate()
        self.process.wait()
        self.log.close()


def accounts(store, folder, seed=0):
    return AzuriteAccounts(folder, seed) if store == 'azurite' else S3Accounts(folder, seed)
