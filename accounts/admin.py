"""Staff's view of accounts, plans and the security log."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

# These put their models into the admin, where they are taken out again below.
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
from django.urls import reverse
from django.utils.html import format_html

from accounts import security_log
from accounts.models import Plan, SecurityEvent, User
from accounts.security_log import Kind

# Staff sign in as everybody does, throttled and with their second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# An account's page is the place for its address; secrets and sessions are its owner's alone.
admin.site.unregister((EmailAddress, Authenticator, UserSession))

POWERS = ("is_staff", "is_superuser", "groups")


class UserCreationForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "plan")


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # plain at run time
    """Sets a password, which the log hears of by itself, or takes it away, which it does not."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        if not user.has_usable_password():
            security_log.record(user.pk, Kind.PASSWORD_REMOVED)
        return user


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Accounts. Only superusers touch members of the staff, or make somebody one."""

    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = ("email", "plan", "is_active", "is_staff", "created_at")
    list_filter = ("plan", "is_active", "is_staff")
    list_select_related = ("plan",)
    search_fields: ClassVar[tuple[str, ...]] = ("email",)
    ordering = ("email",)
    readonly_fields = ("last_login", "created_at", "security_log")
    fieldsets = (
        (None, {"fields": ("email", "password", "plan")}),
        ("Access", {"fields": ("is_active", *POWERS)}),
        ("Times", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "plan", "usable_password", "password1", "password2")}),
    )

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Let those who may delete an account delete what it owns with it."""
        deleted, counts, needed, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, needed & {User._meta.verbose_name}, protected

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Staff are disabled instead: what they did in the admin would go with their account."""
        return super().has_delete_permission(request, obj) and not (obj and obj.is_staff)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if is_superuser(request) else (*readonly, *POWERS)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not request.user.has_perm("accounts.view_securityevent"):
            return fieldsets
        return (*fieldsets, ("Security log", {"fields": ("security_log",)}))

    @admin.display(description="Events")
    def security_log(self, user: User) -> str:
        query = urlencode({"account__id__exact": user.pk})
        url = f"{reverse('admin:accounts_securityevent_changelist')}?{query}"
        return format_html('<a href="{}">What happened to this account</a>', url)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = User.objects.select_related("plan").get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            obj.confirm_email()
        if before:
            record_changes(before, obj, set(form.changed_data))


def record_changes(before: User, after: User, fields: set[str]) -> None:
    """Add to the account's security log what has been changed of it in the admin."""
    if "plan" in fields:
        details = {"before": before.plan.name, "after": after.plan.name}
        security_log.record(after.pk, Kind.PLAN_CHANGED, details)
    if "email" in fields:
        details = {"before": before.email, "after": after.email}
        security_log.record(after.pk, Kind.EMAIL_CHANGED, details)
    if "is_active" in fields:
        kind = Kind.ACCOUNT_ENABLED if after.is_active else Kind.ACCOUNT_DISABLED
        security_log.record(after.pk, kind)
    if fields.intersection(POWERS):
        security_log.record(after.pk, Kind.STAFF_ACCESS_CHANGED)


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_staff or is_superuser(request)


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    actions = ("make_default",)
    limits: ClassVar = {
        "monthly_messages": "messages per month",
        "requests_per_minute": "requests per minute",
        "max_active_api_keys": "active API keys",
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
            f"{count} on this plan. New numbers hold for all of them at once, "
            "and each one's security log says so."
        )

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changes = [
            f"{label} from {form.initial[limit]} to {getattr(obj, limit)}"
            for limit, label in self.limits.items()
            if limit in form.changed_data
        ]
        if change and changes:
            security_log.record_limits_changed(obj, ", ".join(changes))


@admin.register(SecurityEvent)
class SecurityEventAdmin(admin.ModelAdmin[SecurityEvent]):
    """To be read, by staff with the permission to view it, and by nobody to be changed."""

    list_display = ("created_at", "sentence", "account", "who", "place")
    list_select_related = ("account",)
    list_filter = ("kind",)
    search_fields = ("account__email", "staff_email", "details__prefix")
    search_help_text = (
        "E-mail address of the account or of a member of the staff, or a key's prefix"
    )
    ordering = ("-id",)  # as the table grows; there is no index on the time alone
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
