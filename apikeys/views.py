"""Dashboard → Developer → API Keys."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import fresh_sign_in_required
from apikeys import services
from apikeys.activity import (
    OUTCOMES,
    Span,
    calls_by_key_and_day,
    draw_slots,
    read_history,
    read_peak,
    span_of,
    spans,
)
from apikeys.forms import ApiKeyForm, ChangeExpiryForm, RenameForm, RotateForm
from apikeys.lookup import window_of
from apikeys.models import ApiKey
from core.charts import Sparkline, daily_line
from core.forms import FocusedForm
from core.http import OwnerRequest
from ratelimit.limiter import limiter_for

ENDED_KEYS_ON_A_PAGE = 50


class ListedKey(NamedTuple):
    """An active key with what it does: the calls in its window now, and those of each day."""

    api_key: ApiKey
    in_window: int
    is_full: bool
    calls: Sparkline


@require_safe
@never_cache
@login_required
def list_api_keys(request: OwnerRequest) -> HttpResponse:
    api_keys = ApiKey.objects.owned_by(request.user.id).with_relatives()
    active = list(api_keys.active())
    ended = api_keys.exclude(id__in=[api_key.id for api_key in active])
    plan = request.user.plan
    context = {
        "active": with_calls(active, plan.requests_per_minute),
        "page": Paginator(ended, ENDED_KEYS_ON_A_PAGE).get_page(request.GET.get("page")),
        "cap": plan.max_active_api_keys,
        "requests_per_minute": plan.requests_per_minute,
        "is_at_cap": len(active) >= plan.max_active_api_keys,
        "section": "api-keys",
    }
    return render(request, "apikeys/list.html", context)


def with_calls(api_keys: Sequence[ApiKey], requests_per_minute: int) -> list[ListedKey]:
    """Return the keys with their calls, by one query and one round trip to Redis for all."""
    windows = [window_of(api_key.id, requests_per_minute) for api_key in api_keys]
    counts = limiter_for(settings.REDIS_URL).counts(windows)
    calls = calls_by_key_and_day([api_key.id for api_key in api_keys])
    return [
        ListedKey(
            api_key,
            count,
            count >= requests_per_minute,
            daily_line(f"Calls with {api_key.name}", calls[api_key.id]),
        )
        for api_key, count in zip(api_keys, counts, strict=True)
    ]


@require_safe
@login_required
def get_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show a key, and for one that has ended, when it ended and how often it was tried since."""
    context = {"api_key": find(request, key_id), "section": "api-keys"}
    return render(request, "apikeys/key.html", context)


@require_safe
@never_cache
@login_required
def show_activity(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show the key's window as the limiter sees it, and its calls of some days or hours."""
    api_key = find(request, key_id)
    choices = spans(timezone.now())
    span = chosen_span(request.GET, choices)
    context = {
        "api_key": api_key,
        **describe_window(request, key_id),
        "peak": read_peak(key_id),
        "spans": choices,
        "history": read_history(key_id, span),
        "outcomes": OUTCOMES,
        "section": "api-keys",
    }
    return render(request, "apikeys/activity.html", context)


@require_safe
@never_cache
@login_required
def show_window(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show the part of the activity page that moves: the key's window."""
    api_key = find(request, key_id)
    context = {"api_key": api_key, **describe_window(request, key_id)}
    return render(request, "apikeys/window.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def create_api_key(request: OwnerRequest) -> HttpResponse:
    """Create a key. The answer to the POST is the only page that ever shows the full key."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.create_api_key(request.user, **form.arguments())
        except services.KeyCreatedAlready as error:
            return show_created_already(request, error.api_key)
        except services.KeyCapReached as error:
            form.add_error(None, str(error))
        else:
            return show_created(request, created)
    context = {"is_at_cap": is_at_cap(request.user)}
    return show_form(request, "apikeys/create.html", form, context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def rotate_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Create the successor of a key and show its full key."""
    api_key = find(request, key_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.rotate_api_key(request.user, key_id, **form.arguments())
        except services.KeyCreatedAlready as error:
            return show_created_already(request, error.api_key)
        except services.ApiKeyEnded:
            return redirect("api-key", key_id)
        except services.KeyCapReached as error:
            form.add_error(None, str(error))
        else:
            return show_created(request, created)
    if not api_key.may_rotate:
        return redirect("api-key", key_id)
    context = {"api_key": api_key, "is_at_cap": is_at_cap(request.user)}
    if context["is_at_cap"]:
        form.offer_replacement_only()
    return show_form(request, "apikeys/rotate.html", form, context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rename_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    api_key = find(request, key_id)
    form = RenameForm(request.POST or None, initial={"name": api_key.name})
    if request.method == "POST" and form.is_valid():
        services.rename_api_key(request.user.id, key_id, form.cleaned_data["name"])
        messages.success(request, "The key is renamed.")
        return redirect("api-key", key_id)
    return show_form(request, "apikeys/rename.html", form, {"api_key": api_key})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def change_expiry(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Change or remove the expiry of an active key."""
    api_key = find(request, key_id)
    form = ChangeExpiryForm(request.POST or None, expires_at=api_key.expires_at)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_expiry(request.user.id, key_id, form.cleaned_data["expires_at"])
        except services.ApiKeyEnded:
            messages.error(request, "This key has ended and stays so.")
        else:
            messages.success(request, "The expiry is changed.")
        return redirect("api-key", key_id)
    if not api_key.is_active:
        return redirect("api-key", key_id)
    return show_form(request, "apikeys/expiry.html", form, {"api_key": api_key})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    api_key = find(request, key_id)
    if request.method != "POST":
        context = {"api_key": api_key, "section": "api-keys"}
        return render(request, "apikeys/revoke.html", context)
    services.revoke_api_key(request.user.id, str(key_id))
    messages.success(request, f"The key “{api_key.name}” is revoked.")
    return redirect("api-key", key_id)


def find(request: OwnerRequest, key_id: uuid.UUID) -> ApiKey:
    keys = ApiKey.objects.owned_by(request.user.id).with_relatives()
    return get_object_or_404(keys, id=key_id)


def describe_window(request: OwnerRequest, key_id: uuid.UUID) -> dict[str, Any]:
    window = window_of(key_id, request.user.plan.requests_per_minute)
    state = limiter_for(settings.REDIS_URL).peek(*window)
    slots, calls_per_slot = draw_slots(state)
    return {"state": state, "slots": slots, "calls_per_slot": calls_per_slot}


def chosen_span(query: Mapping[str, str], choices: Sequence[Span]) -> Span:
    """Return the day or the span that the address names; the first where it names none."""
    with suppress(ValueError, OverflowError):
        return span_of(date.fromisoformat(query.get("day", "")))
    slug = query.get("span")
    return next((span for span in choices if span.slug == slug), choices[0])


def is_at_cap(owner: User) -> bool:
    active = ApiKey.objects.owned_by(owner.id).active().count()
    return active >= owner.plan.max_active_api_keys


@sensitive_variables()
def show_created(request: OwnerRequest, created: services.CreatedKey) -> HttpResponse:
    context = {
        "created": created,
        "chatbots_url": f"{settings.PUBLIC_URL}/api/v1/chatbots",
        "section": "api-keys",
    }
    return render(request, "apikeys/created.html", context, status=201)


def show_created_already(request: OwnerRequest, api_key: ApiKey) -> HttpResponse:
    context = {"api_key": api_key, "section": "api-keys"}
    return render(request, "apikeys/created_already.html", context)


def show_form(
    request: OwnerRequest, template: str, form: FocusedForm, context: Mapping[str, object]
) -> HttpResponse:
    """Show a form, with status 400 if it has errors."""
    context = {"form": form, "section": "api-keys", **context}
    return render(request, template, context, status=400 if form.errors else 200)
