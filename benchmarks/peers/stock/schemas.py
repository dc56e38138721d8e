import uuid
from datetime import datetime

from ninja import Schema


class ChatbotOut(Schema):
    id: uuid.UUID
    name: str
    slug: str
    provider: str
    is_active: bool
    created_at: datetime
