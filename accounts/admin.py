"""Accounts and plans in the admin."""

from collections.abc import Sequence
from typing import Any, ClassVar

# Importing these registers their models, which are unregistered again below.
import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.closing import close_account
from accounts.models import Plan, User
from accounts.signals import account_changed, limits_changed, password_removed
from core.admin import FilteredByListFilters

# Staff sign in as everybody does, throttled and with their second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Addresses are changed on the account's page; second factors and sessions are private.
admin.site.unregister((EmailAddress, Authenticator, UserSession))


class UserCreationForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "plan")


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # not generic at run time
    """Sets or removes an account's password."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        if not user.has_usable_password():
            password_removed.send(User, account=user)
        return user


@admin.register(User)
class UserAdmin(FilteredByListFilters, DjangoUserAdmin[User]):
    """Accounts. Only superusers may change staff accounts or grant staff access."""

    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ("email", "plan", "is_active", "is_staff", "created_at")
    list_filter = ("plan", "is_active", "is_staff")
    list_select_related = ("plan",)
    search_fields: ClassVar[tuple[str, ...]] = ("email",)
    ordering = ("email",)
    readonly_fields: ClassVar[tuple[str, ...]] = ("last_login", "created_at")
    fieldsets = (
        (None, {"fields": ("email", "password", "plan")}),
        ("Access", {"fields": ("is_active", *User.STAFF_FIELDS)}),
        ("Times", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "plan", "usable_password", "password1", "password2")}),
    )

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Let staff who may delete an account delete everything that it owns with it."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, missing & {User._meta.verbose_name}, protected

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Forbid deleting staff: the admin's record of what they did would be deleted too."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_staff)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        close_account(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for account in queryset:
            close_account(account)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if is_superuser(request) else (*readonly, *User.STAFF_FIELDS)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = User.objects.select_related("plan").get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            obj.confirm_email()
        if before:
            fields = set(form.changed_data)
            account_changed.send(User, before=before, after=obj, fields=fields)


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_change(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_staff or is_superuser(request)


@admin.register(Plan)
class PlanAdmin(FilteredByListFilters, admin.ModelAdmin[Plan]):
    actions = ("make_default",)
    limits: ClassVar = {
        "monthly_messages": "messages per month",
        "requests_per_minute": "requests per minute",
        "max_active_api_keys": "active API keys",
        "max_api_keys": "API keys ever created",
        "max_pages_per_source": "pages per source",
        "max_file_megabytes": "megabytes per file",
        "max_chatbots": "chatbots",
        "max_sources": "sources",
    }
    list_display = ("name", *limits, "is_default")
    fields = ("name", *limits, "is_default", "accounts")
    readonly_fields = ("is_default", "accounts")

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

    @admin.display(description="Accounts")
    def accounts(self, plan: Plan) -> str:
        count = plan.users.count() if plan.pk else 0
        return (
            f"{count} on this plan. Changed limits apply to all of them at once "
            "and are recorded in the security log of each."
        )

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changes = [
            f"{label} from {form.initial[limit]} to {getattr(obj, limit)}"
            for limit, label in self.limits.items()
            if limit in form.changed_data
        ]
        if change and changes:
            limits_changed.send(Plan, plan=obj, changes=", ".join(changes))
