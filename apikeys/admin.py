"""Staff's view of API keys: find them, revoke them; digests stay hidden."""

from django.contrib import admin
from django.http import HttpRequest

from apikeys.models import ApiKey, ApiKeyQuerySet


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    actions = ("revoke",)
    list_display = (
        *("prefix", "name", "owner", "created_at", "last_used_at", "expires_at", "revoked_at"),
    )
    list_select_related = ("owner",)
    search_fields = ("prefix", "owner__email")
    fields = (
        *("prefix", "name", "owner", "created_at", "last_used_at", "expires_at", "revoked_at"),
        *("predecessor", "rejected_count", "last_rejected_at"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("apikeys.change_apikey")

    @admin.action(description="Revoke the selected API keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> None:
        ending = list(queryset.unrevoked())
        queryset.revoke()
        for api_key in ending:
            self.log_change(request, api_key, "Revoked.")
        self.message_user(request, f"{len(ending)} API keys revoked.")
