"""What is wrong with a running installation, in words, and what to do about it."""

from collections.abc import Callable, Iterable, Mapping

from insitechat.operations.doctor import configuration, database, front_door, jobs, mail, redis
from insitechat.operations.doctor.finding import Finding

# In the order in which they are worth reading.
EXAMINATIONS: Mapping[str, Callable[[], Iterable[Finding]]] = {
    "Configuration": configuration.examine,
    "PostgreSQL": database.examine,
    "Redis": redis.examine,
    "Worker": jobs.examine,
    "Mail": mail.examine,
    "Front door": front_door.examine,
}
