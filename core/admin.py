"""What the admin of every app stands on, and its list of jobs, read-only without arguments."""

from importlib import import_module
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from procrastinate.contrib.django.models import ProcrastinateJob

# procrastinate's own admin shows arguments, and lets everyone who can view jobs retry and cancel
# them.
import_module("procrastinate.contrib.django.admin")
admin.site.unregister(ProcrastinateJob)


class FilteredByListFilters:
    """Mix-in of a ModelAdmin whose list an address can filter as its own filters do, not otherwise.

    Django lets an address filter by any column of the model, with any comparison: so staff could
    guess, letter by letter, what no page shows them, and a comparison that does not fit is a 500.
    """

    list_filter: ClassVar[Any]
    linked_by: tuple[str, ...] = ()  # fields by which other pages link to the list
    COMPARISONS = ("", "__exact", "__id__exact", "__isnull")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        fields = (*self.list_filter, *self.linked_by)
        return any(lookup == f"{name}{end}" for name in fields for end in self.COMPARISONS)


@admin.register(ProcrastinateJob)
class JobAdmin(FilteredByListFilters, admin.ModelAdmin[ProcrastinateJob]):
    list_display = ("id", "task_name", "status", "attempts", "scheduled_at", "lock")
    list_display_links = None
    list_filter = ("status", "task_name")
    ordering = ("-id",)
    show_full_result_count = False

    def has_view_permission(
        self, request: HttpRequest, obj: ProcrastinateJob | None = None
    ) -> bool:
        """Allow the list only: the title of a single job's page contains its arguments."""
        return obj is None and super().has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: ProcrastinateJob | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: ProcrastinateJob | None = None
    ) -> bool:
        return False
