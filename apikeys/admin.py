"""API keys in the admin, where staff find and revoke them. Digests are never shown."""

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts.models import User
from apikeys.models import ApiKey, ApiKeyQuerySet
from core.admin import FilteredByListFilters
from securitylog.admin import LoggedUserAdmin


def may_revoke(request: HttpRequest) -> bool:
    return request.user.has_perm("apikeys.change_apikey")


@admin.register(ApiKey)
class ApiKeyAdmin(FilteredByListFilters, admin.ModelAdmin[ApiKey]):
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
        return may_revoke(request)

    @admin.action(description="Revoke the selected API keys", permissions=["revoke"])
    @transaction.atomic
    def revoke(self, request: HttpRequest, queryset: ApiKeyQuerySet) -> None:
        api_keys = list(queryset.unrevoked())
        queryset.revoke()
        for api_key in api_keys:
            self.log_change(request, api_key, "Revoked.")
        self.message_user(request, f"{len(api_keys)} API keys revoked.")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [
            path("<uuid:key_id>/revoke/", view, name="apikeys_apikey_revoke"),
            *super().get_urls(),
        ]

    def revoke_view(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
        """Ask for confirmation, revoke the key and return to the page of its account."""
        if not may_revoke(request):
            raise PermissionDenied
        api_key = get_object_or_404(ApiKey.objects.select_related("owner"), id=key_id)
        if request.method == "POST":
            self.revoke(request, ApiKey.objects.filter(id=key_id))
            if request.user.has_perm("accounts.view_user"):
                return redirect("admin:accounts_user_change", api_key.owner_id)
            return redirect("admin:apikeys_apikey_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Revoke {api_key.prefix}…?",
            "api_key": api_key,
        }
        return TemplateResponse(request, "admin/apikeys/apikey/revoke.html", context)


class ApiKeyInline(admin.TabularInline[ApiKey, User]):
    """The keys of an account on the account's page, each with a link to revoke it."""

    model = ApiKey
    extra = 0
    can_delete = False
    show_change_link = False
    fields = ("prefix", "name", "created_at", "last_used_at", "revoked_at")
    readonly_fields = (*fields, "revocation")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return (*self.fields, "revocation") if may_revoke(request) else self.fields

    @admin.display(description="Revoke")
    def revocation(self, api_key: ApiKey) -> str:
        if api_key.revoked_at is not None:
            return "Revoked"
        url = reverse("admin:apikeys_apikey_revoke", args=[api_key.id])
        return format_html('<a href="{}">Revoke {}…</a>', url, api_key.prefix)


admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(LoggedUserAdmin):
    """Accounts with their keys. It is here because `accounts` must not import this app."""

    search_fields = ("email", "api_keys__prefix")
    search_help_text = "E-mail address, or the first 8 characters of an API key"

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return [ApiKeyInline] if obj else []
