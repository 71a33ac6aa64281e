"""Where the artifacts go in the fault tests: Azurite or s3rver with two accounts, each behind a proxy of its own, and
read by the tests without the server and without the proxies.
"""
import os
import re
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'support'))

from fault_proxy import FaultProxy                                             # noqa: E402
from harness import MODULES, READY_SECONDS, AzuriteTarget, Failure, NodeStore  # noqa: E402

ACCOUNTS = ('one', 'two')


class AzuriteAccounts:
    """Two containers of one Azurite, which the proxies make two accounts of."""

    def __init__(self, folder, seed):
        self.server = AzuriteTarget(folder)
        for name in ACCOUNTS:
            self.create(name)
        self.proxies = {name: FaultProxy(self.server.port, f'{seed}/{name}') for name in ACCOUNTS}

    def create(self, name):
        deadline = time.time() + READY_SECONDS
        while True:  # one that was deleted goes in its own time
            try:
                return self.server.create_container(name)
            except Failure:
                if time.time() > deadline:
                    raise
                time.sleep(0.2)

    def delete(self, name):
        self.server.delete_container(name)

    def root(self, account):
        return f'http://127.0.0.1:{self.proxies[account].port}/{AzuriteTarget.ACCOUNT}/{account}'

    def connection(self, account, folder):
        return f'{self.root(account)}/{folder};{AzuriteTarget.KEY}'

    def files(self, account, folder):
        """Public path as the server sees it -> (size, a function that reads it, or gives None where it has gone)."""
        found, marker = {}, ''
        while True:
            status, body = self.server.request(
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
        code, data = self.server.request('GET', f'/{AzuriteTarget.ACCOUNT}/{account}/{urllib.parse.quote(name)}')
        if code not in (200, 404):
            raise Failure(f'{name}: {code}')
        return data if code == 200 else None

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
        self.server.close()


class S3Accounts(NodeStore):
    """Two buckets of one s3rver."""
    KEY = 'S3RVER'

    def __init__(self, folder, seed):
        super().__init__('s3rver', folder, lambda port, data: [
            os.path.join(MODULES, 's3rver/bin/s3rver.js'), '--silent', '-d', data, '-p', port, '--no-vhost-buckets'])
        self.lock = threading.RLock()  # of both proxies, and of whoever reads past them
        self.when_ready(lambda: [self.create(name) for name in ACCOUNTS])
        self.proxies = {name: FaultProxy(self.port, f'{seed}/{name}', True, self.lock) for name in ACCOUNTS}

    def create(self, name):
        status, body = self.request('PUT', f'/{name}')
        if status not in (200, 409):
            raise Failure(f'bucket: {status} {body[:300]!r}')

    def delete(self, name):
        status, body = self.request('DELETE', f'/{name}')
        if status != 204:
            raise Failure(f'delete {name}: {status} {body[:300]!r}')

    def root(self, account):
        return f'http://127.0.0.1:{self.proxies[account].port}/{account}'

    def connection(self, account, folder):
        return f'{self.root(account)}/{folder};AwsCredentials={self.KEY},{self.KEY}'

    def files(self, account, folder):
        found, token = {}, ''
        while True:
            with self.lock:
                status, body = self.request('GET', f'/{account}?list-type=2&prefix={folder}/'
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
            code, data = self.request('GET', f'/{account}/{urllib.parse.quote(name)}')
        if code not in (200, 404):
            raise Failure(f'{name}: {code}')
        return data if code == 200 else None

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
        super().close()


def accounts(store, folder, seed=0):
    return AzuriteAccounts(folder, seed) if store == 'azurite' else S3Accounts(folder, seed)
