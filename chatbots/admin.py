"""Chatbots in the admin."""

from django.contrib import admin
from django.http import HttpRequest

from chatbots.models import Chatbot
from core.admin import FilteredByListFilters


@admin.register(Chatbot)
class ChatbotAdmin(FilteredByListFilters, admin.ModelAdmin[Chatbot]):
    list_display = ("name", "owner", "provider", "is_active", "created_at", "deleted_at")
    list_select_related = ("owner",)
    list_filter = ("provider", "is_active")
    search_fields = ("name", "owner__email")
    readonly_fields = ("owner", "slug", "created_at", "deleted_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Chatbot | None = None) -> bool:
        return False
