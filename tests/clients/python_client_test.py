#!/usr/bin/env python3
"""azure-kusto-data for Python, unmodified, against the server in SPILLWAY_URL."""
import gzip
import io
import os
import unittest
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError, KustoError, KustoMultiApiError

URL = os.environ['SPILLWAY_URL']
TOKEN = os.environ.get('SPILLWAY_TOKEN', '')
DATABASE = 'NetDefaultDB'

EVERY_TYPE = '''
print b = true, i = int(-1), l = long(9223372036854775807), r = 1.5, m = decimal(1.50), s = "a'é\\n",
      d = datetime(2024-01-02T03:04:05.1234567Z), t = 1d + 1s, g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642),
      y = dynamic({"a": [1, 2.5, "x", null]})
'''


def connect():
    if TOKEN:
        return KustoClient(KustoConnectionStringBuilder.with_aad_user_token_authentication(URL, TOKEN))
    return KustoClient(KustoConnectionStringBuilder(URL))


class PythonClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = connect()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def query(self, text, properties=None):
        return self.client.execute_query(DATABASE, text, properties)

    def test_every_type(self):
        response = self.query(EVERY_TYPE)
        self.assertEqual(response.errors_count, 0)
        self.assertEqual(len(response.primary_results), 1)
        row = response.primary_results[0][0]
        self.assertIs(row['b'], True)
        self.assertEqual(row['i'], -1)
        self.assertEqual(row['l'], 9223372036854775807)
        self.assertEqual(row['r'], 1.5)
        self.assertIsInstance(row['r'], float)
        self.assertEqual(row['m'], Decimal('1.50'))
        self.assertEqual(row['s'], "a'é\n")
        self.assertEqual(row['d'], datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=timezone.utc))
        self.assertEqual(row['t'], timedelta(days=1, seconds=1))
        self.assertEqual(row['g'], '74be27de-1e4e-49d9-b579-fe0b331d3642')
        self.assertEqual(row['y'], {'a': [1, 2.5, 'x', None]})
        types = [column.column_type for column in response.primary_results[0].columns]
        self.assertEqual(types, ['bool', 'int', 'long', 'real', 'decimal', 'string', 'datetime', 'timespan', 'guid',
                                 'dynamic'])

    def test_nulls(self):
        row = self.query('print bool(null), int(null), long(null), real(null), datetime(null), time(null), '
                         'guid(null), dynamic(null), ""').primary_results[0][0]
        self.assertEqual(list(row), [None] * 8 + [''])

    def test_several_results(self):
        response = self.query('print a = 1; range x from 1 to 3 step 1')
        self.assertEqual([len(table) for table in response.primary_results], [1, 3])

    def test_commands_and_data(self):
        execute = self.client.execute_mgmt
        execute(DATABASE, '.create table Python (n:long, s:string)')
        execute(DATABASE, '.ingest inline into table Python <|\n1,one\n2,"two, or more"\n3,three')
        self.assertEqual(self.query('Python | count').primary_results[0][0][0], 3)
        tables = execute(DATABASE, '.show tables').primary_results[0]
        self.assertIn('Python', [row['TableName'] for row in tables])
        piped = execute(DATABASE, ".show tables | where TableName == 'Python' | project TableName").primary_results[0]
        self.assertEqual([list(row) for row in piped], [['Python']])
        execute(DATABASE, '.drop table Python')

    def test_streaming_ingestion(self):
        self.client.execute_mgmt(DATABASE, '.create table PythonStream (n:long, s:string)')
        data = io.BytesIO(gzip.compress('1,one\n2,"two, or more"\n'.encode()))
        self.client.execute_streaming_ingest(DATABASE, 'PythonStream', data, 'csv')
        rows = self.query('PythonStream | order by n asc').primary_results[0]
        self.assertEqual([list(row) for row in rows], [[1, 'one'], [2, 'two, or more']])
        with self.assertRaises(KustoError):
            again = io.BytesIO(gzip.compress(b'3,three'))
            self.client.execute_streaming_ingest(DATABASE, 'PythonStream', again, 'csv', mapping_name='NoSuchMapping')
        self.assertEqual(self.query('PythonStream | count').primary_results[0][0][0], 2)
        self.client.execute_mgmt(DATABASE, '.drop table PythonStream')

    def test_execute_finds_the_endpoint(self):
        self.assertGreaterEqual(len(self.client.execute(DATABASE, '.show databases').primary_results[0]), 1)
        self.assertEqual(self.client.execute(DATABASE, 'print 1').primary_results[0][0][0], 1)

    def test_parameters(self):
        properties = ClientRequestProperties()
        properties.set_parameter('n', 40)
        properties.set_parameter('s', 'text')
        properties.set_parameter('d', 'datetime(2024-01-02)')
        row = self.query('declare query_parameters(n:long, s:string, d:datetime); print n + 2, s, d',
                         properties).primary_results[0][0]
        self.assertEqual(list(row), [42, 'text', datetime(2024, 1, 2, tzinfo=timezone.utc)])

    def test_options(self):
        properties = ClientRequestProperties()
        properties.set_option(ClientRequestProperties.request_timeout_option_name, timedelta(minutes=5))
        properties.set_option('query_take_max_records', 2)
        properties.client_request_id = 'python;1'
        response = self.query('range x from 1 to 10 step 1', properties)
        self.assertEqual(len(response.primary_results[0]), 2)
        status = next(table for table in response if table.table_name == 'QueryCompletionInformation')
        self.assertEqual(status[0]['ClientRequestId'], 'python;1')

    def test_errors(self):
        with self.assertRaises(KustoApiError) as raised:
            self.query('NoSuchTable | count')
        self.assertTrue(raised.exception.is_semantic_error())
        error = raised.exception.get_api_error()
        self.assertEqual(error.code, 'General_BadRequest')
        self.assertIn('NoSuchTable', error.description)
        self.assertTrue(error.permanent)
        with self.assertRaises(KustoApiError) as raised:
            self.query('print 1 |')
        self.assertIn('[line:position=1:', raised.exception.get_api_error().description)

    def test_truncation(self):
        with self.assertRaises(KustoMultiApiError) as raised:
            self.query('set truncationmaxrecords=5; range x from 1 to 10 step 1')
        self.assertIn('E_QUERY_RESULT_SET_TOO_LARGE', str(raised.exception))

    def test_streaming(self):
        response = self.client.execute_streaming_query(DATABASE, 'range x from 1 to 100000 step 1; print y = 7')
        sums = [sum(row[0] for row in table) for table in response.iter_primary_results()]
        self.assertEqual(sums, [100000 * 100001 // 2, 7])

    def test_cursor(self):
        self.client.execute_mgmt(DATABASE, '.create table Cursors (n:long)')
        self.client.execute_mgmt(DATABASE, '.ingest inline into table Cursors <|\n1\n2')
        properties = next(table for table in self.query("Cursors | where cursor_after('')")
                          if table.table_name == '@ExtendedProperties')
        cursor = next(row['Value'] for row in properties if row['Key'] == 'Cursor')
        self.assertTrue(cursor.isdigit())
        self.client.execute_mgmt(DATABASE, '.ingest inline into table Cursors <|\n3')
        after = self.query(f"Cursors | where cursor_after('{cursor}')").primary_results[0]
        self.assertEqual([row['n'] for row in after], [3])
        self.client.execute_mgmt(DATABASE, '.drop table Cursors')

    @unittest.skipUnless(TOKEN, 'the server has no token')
    def test_wrong_token(self):
        kcsb = KustoConnectionStringBuilder.with_aad_user_token_authentication(URL, 'another')
        with KustoClient(kcsb) as client, self.assertRaises(KustoError):
            client.execute_query(DATABASE, 'print 1')


if __name__ == '__main__':
    unittest.main()
