"""The security log in the admin, and the link to it from an account's page."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin import UserAdmin
from accounts.models import User
from core.admin import FilteredByListFilters
from securitylog.models import SecurityEvent


@admin.register(SecurityEvent)
class SecurityEventAdmin(FilteredByListFilters, admin.ModelAdmin[SecurityEvent]):
    """Events, read-only, for staff with the permission to view them."""

    list_display = ("created_at", "sentence", "account", "who", "place")
    list_select_related = ("account",)
    list_filter = ("kind",)
    linked_by = ("account",)
    search_fields = ("account__email", "staff_email", "details__prefix")
    search_help_text = "E-mail address of the account or of a member of staff, or a key's prefix"
    ordering = ("-id",)  # the order of insertion; there is no index on the time alone
    show_full_result_count = False
    fields = (
        *("created_at", "account", "sentence", "actor", "staff_email", "ip_address"),
        *("device", "user_agent"),
    )
    readonly_fields = ("sentence", "device")

    @admin.display(description="Who", ordering="actor")
    def who(self, event: SecurityEvent) -> str:
        return event.staff_email or event.get_actor_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SecurityEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SecurityEvent | None = None) -> bool:
        return False


admin.site.unregister(User)


@admin.register(User)
class LoggedUserAdmin(UserAdmin):
    """Accounts with a link to their events; defined here as accounts does not know the log."""

    readonly_fields: ClassVar = (*UserAdmin.readonly_fields, "security_log")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not request.user.has_perm("securitylog.view_securityevent"):
            return fieldsets
        return (*fieldsets, ("Security log", {"fields": ("security_log",)}))

    @admin.display(description="Events")
    def security_log(self, user: User) -> str:
        query = urlencode({"account__id__exact": user.pk})
        url = f"{reverse('admin:securitylog_securityevent_changelist')}?{query}"
        return format_html('<a href="{}">What happened to this account</a>', url)
