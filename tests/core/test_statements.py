"""Statements on the driver's lowest level behave as Django's do where it matters."""

import pytest
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction

from core.statements import Statement

UPPER = Statement("test_upper", "SELECT upper(convert_from($1::bytea, 'UTF8')), true")
ROW = [b"KEY", b"\x01"]


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'test_upper'")
        return int(cursor.fetchone()[0])


def test_it_is_prepared_once(transactional_db: None) -> None:
    assert [UPPER.fetch(b"key"), UPPER.fetch(b"key")] == [ROW, ROW]
    assert prepared() == 1


def test_no_row_is_none(transactional_db: None) -> None:
    assert Statement("test_none", "SELECT 1 WHERE $1::bytea IS NULL").fetch(b"") is None


def test_it_goes_on_where_what_was_prepared_is_gone(transactional_db: None) -> None:
    UPPER.fetch(b"key")
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert UPPER.fetch(b"key") == ROW
    assert prepared() == 1


def test_it_goes_on_on_another_connection(transactional_db: None) -> None:
    UPPER.fetch(b"key")
    connection.close()
    assert UPPER.fetch(b"key") == ROW


def test_it_goes_on_where_its_name_is_taken(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PREPARE test_taken AS SELECT 1")
    assert Statement("test_taken", "SELECT $1::bytea").fetch(b"mine") == [b"mine"]


def test_it_goes_on_where_a_column_has_another_type(transactional_db: None) -> None:
    width = Statement("test_width", "SELECT size FROM sized WHERE $1::bytea IS NOT NULL")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE sized AS SELECT 1::smallint AS size")
        assert width.fetch(b"") == [bytes([0, 1])]
        cursor.execute("ALTER TABLE sized ALTER COLUMN size TYPE integer")
        assert width.fetch(b"") == [bytes([0, 0, 0, 1])]
        cursor.execute("DROP TABLE sized")


def test_it_prepares_nothing_where_the_driver_may_not(transactional_db: None) -> None:
    connection.close()
    connection.ensure_connection()
    connection.connection.prepare_threshold = None
    assert UPPER.fetch(b"key") == ROW
    assert prepared() == 0
    connection.close()


def test_it_belongs_to_the_transaction_around_it(transactional_db: None) -> None:
    setting = Statement("test_setting", "SELECT set_config('app.x', encode($1, 'escape'), true)")
    look = Statement("test_look", "SELECT current_setting('app.x', true) || encode($1, 'escape')")
    with transaction.atomic():
        setting.fetch(b"inside")
        assert look.fetch(b"!") == [b"inside!"]
    assert look.fetch(b"!") == [b"!"]


def test_errors_are_djangos(transactional_db: None) -> None:
    with pytest.raises(ProgrammingError, match="nowhere"):
        Statement("test_nowhere", "SELECT $1::text FROM nowhere").fetch(b"")
    with pytest.raises(DataError, match="division by zero"):
        Statement("test_division", "SELECT 1 / length($1::bytea)").fetch(b"")
    assert UPPER.fetch(b"key") == ROW


def test_a_lost_connection_is_an_operational_error(transactional_db: None) -> None:
    end = Statement("test_end", "SELECT pg_terminate_backend(pg_backend_pid()), $1::bytea")
    with pytest.raises(OperationalError):
        end.fetch(b"")
    with pytest.raises(OperationalError):
        UPPER.fetch(b"key")
    connection.close()
    assert UPPER.fetch(b"key") == ROW
