"""Staff's view of chatbots."""

from django.contrib import admin

from chatbots.models import Chatbot


@admin.register(Chatbot)
class ChatbotAdmin(admin.ModelAdmin[Chatbot]):
    list_display = ("name", "owner", "provider", "is_active", "created_at", "deleted_at")
    list_select_related = ("owner",)
    list_filter = ("provider", "is_active")
    search_fields = ("name", "owner__email")
    readonly_fields = ("owner", "slug", "created_at", "deleted_at")
