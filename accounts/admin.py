"""Staff's view of accounts and plans."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Plan, User


class UserCreationForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "plan")


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    add_form = UserCreationForm
    list_display = ("email", "plan", "is_active", "is_staff", "created_at")
    list_filter = ("plan", "is_active", "is_staff")
    search_fields = ("email",)
    ordering = ("email",)
    readonly_fields = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "password", "plan")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Times", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "plan", "usable_password", "password1", "password2")}),
    )

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Let those who may delete an account delete what it owns with it."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    actions = ("make_default",)
    readonly_fields = ("is_default",)
    list_display = (
        "name",
        "monthly_messages",
        "requests_per_minute",
        "max_active_api_keys",
        "is_default",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.is_default)

    @admin.action(description="Make the selected plan the default", permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[Plan]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Select one plan.", messages.ERROR)
            return
        with transaction.atomic():
            Plan.objects.filter(is_default=True).update(is_default=False)
            queryset.update(is_default=True)
        self.log_change(request, queryset.get(), "Made the default.")
