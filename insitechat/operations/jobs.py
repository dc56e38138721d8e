"""Making the file with an account's own data, which may be large, and deleting it again."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core.jobs import job, periodic, stop_if_asked
from core.retention import delete_in_batches
from insitechat.operations.models import DataExport, ExportPart
from insitechat.operations.own_data import as_json

PART_BYTES = 1024 * 1024


@transaction.atomic
def request_export(account: User) -> None:
    """Have the account's file made, in place of its former one."""
    DataExport.objects.filter(account=account).delete()
    DataExport.objects.create(account=account)
    make_export.enqueue(str(account.pk))


@job(lock="export {account_id}", priority=-10)
def make_export(account_id: str) -> None:
    export = DataExport.objects.filter(account_id=UUID(account_id), finished_at=None).first()
    if export is None:
        return
    delete_in_batches(ExportPart.objects.filter(export=export))  # an earlier attempt's
    for position, data in enumerate(in_parts(as_json(export.account))):
        stop_if_asked()
        ExportPart.objects.create(export=export, position=position, data=data)
        export.size += len(data)
    export.finished_at = timezone.now()
    export.save(update_fields=["size", "finished_at"])


def in_parts(texts: Iterable[str]) -> Iterator[bytes]:
    """Join the texts to parts of PART_BYTES and a little more."""
    part = bytearray()
    for text in texts:
        part += text.encode()
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


@periodic("53 * * * *")
def delete_expired_exports() -> None:
    expired = DataExport.objects.expired()
    delete_in_batches(ExportPart.objects.filter(export__in=expired))
    delete_in_batches(expired)
