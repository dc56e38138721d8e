"""Dashboard → Developer → API Keys."""

import uuid
from collections.abc import Mapping
from datetime import date

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import fresh_sign_in_required
from apikeys import services
from apikeys.activity import OUTCOMES, draw_slots, read_history
from apikeys.forms import ApiKeyForm, ChangeForm, OnceForm, RotateForm
from apikeys.models import ApiKey, window_of
from ratelimit.limiter import limiter_for


class OwnerRequest(HttpRequest):
    user: User


@require_safe
@login_required
def list_api_keys(request: OwnerRequest) -> HttpResponse:
    api_keys = list(ApiKey.objects.owned_by(request.user.id).with_relatives())
    cap = request.user.plan.max_active_api_keys
    context = {
        "api_keys": api_keys,
        "cap": cap,
        "active": (active := sum(api_key.is_active for api_key in api_keys)),
        "is_at_cap": active >= cap,
        "section": "api-keys",
    }
    return render(request, "apikeys/list.html", context)


@require_safe
@login_required
def get_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show one key; of one that has ended, when it did and what has been tried with it since."""
    context = {"api_key": find(request, key_id), "section": "api-keys"}
    return render(request, "apikeys/key.html", context)


@require_safe
@never_cache
@login_required
def show_activity(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show what a key does now, as the limiter sees it, and what it did in the last days."""
    api_key = find(request, key_id)
    window = window_of(key_id, request.user.plan.requests_per_minute)
    state = limiter_for(settings.REDIS_URL).peek(*window)
    slots, calls_per_slot = draw_slots(state)
    history = read_history(key_id)
    day = chosen_day(request.GET.get("day", ""))
    context = {
        "api_key": api_key,
        "state": state,
        "slots": slots,
        "calls_per_slot": calls_per_slot,
        "history": history,
        "outcomes": OUTCOMES,
        "day": day,
        "hours": history.hours_of(day) if day else [],
        "section": "api-keys",
    }
    return render(request, "apikeys/activity.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def create_api_key(request: OwnerRequest) -> HttpResponse:
    """Ask for a name; show the full key in the answer to the post, which is where it exists."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.create_api_key(request.user, **form.given())
        except services.KeyCreatedAlready as error:
            return show_created_already(request, error.api_key)
        except services.KeyCapReached as error:
            form.add_error(None, f"Maximum {error.cap} active API keys allowed.")
        else:
            return show_created(request, created)
    context = {"is_at_cap": is_at_cap(request.user)}
    return show_form(request, "apikeys/create.html", form, context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def rotate_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Make a successor and show its full key, as creating one does."""
    api_key = find(request, key_id)
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.rotate_api_key(request.user, key_id, **form.given())
        except services.KeyCreatedAlready as error:
            return show_created_already(request, error.api_key)
        except services.ApiKeyEnded:
            return redirect("api-key", key_id)
        except services.KeyCapReached as error:
            form.add_error(None, f"Maximum {error.cap} active API keys allowed.")
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
def change_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    """Rename a key, and move or remove the end of one that works."""
    api_key = find(request, key_id)
    form = ChangeForm(request.POST or None, api_key=api_key)
    if request.method == "POST" and form.is_valid():
        try:
            if form.changes_expiry:
                services.change_expiry(request.user, key_id, form.cleaned_data["expires_at"])
        except services.ApiKeyEnded:
            messages.error(request, "The key has ended meanwhile and stays so.")
        else:
            services.rename_api_key(request.user.id, key_id, form.cleaned_data["name"])
            messages.success(request, "Your changes are saved.")
        return redirect("api-key", key_id)
    return show_form(request, "apikeys/change.html", form, {"api_key": api_key})


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
    mine = ApiKey.objects.owned_by(request.user.id).with_relatives()
    return get_object_or_404(mine, id=key_id)


def chosen_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def is_at_cap(owner: User) -> bool:
    working = ApiKey.objects.owned_by(owner.id).active().count()
    return working >= owner.plan.max_active_api_keys


@sensitive_variables()
def show_created(request: OwnerRequest, created: services.CreatedKey) -> HttpResponse:
    context = {
        "created": created,
        "chatbots_url": f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/chatbots",
        "section": "api-keys",
    }
    return render(request, "apikeys/created.html", context, status=201)


def show_created_already(request: OwnerRequest, api_key: ApiKey) -> HttpResponse:
    context = {"api_key": api_key, "section": "api-keys"}
    return render(request, "apikeys/created_already.html", context)


def show_form(
    request: OwnerRequest, template: str, form: OnceForm | ChangeForm, context: Mapping[str, object]
) -> HttpResponse:
    """Show a form; as a bad request where something in it does not fit."""
    context = {"form": form, "section": "api-keys", **context}
    return render(request, template, context, status=400 if form.errors else 200)
