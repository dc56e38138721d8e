"""What every process tells of itself."""

import os
import threading
import time
from pathlib import Path

from core.metrics import Counter, Gauge

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
started_at = time.time()

STARTS = Counter("insitechat_process_starts_total", "Processes that were started.")
Gauge(
    "insitechat_service_start_time_seconds",
    "When the service was started, all its processes together.",
    read=lambda: started_at,
)
Gauge(
    "insitechat_process_memory_bytes",
    "Memory of the process, with what it shares.",
    read=lambda: int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES,
)
Gauge("insitechat_process_threads", "Threads of the process.", read=threading.active_count)
