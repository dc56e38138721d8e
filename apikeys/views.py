"""Dashboard → Developer → API Keys."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from apikeys import services
from apikeys.forms import ApiKeyForm
from apikeys.models import ApiKey


class OwnerRequest(HttpRequest):
    user: User


@require_safe
@login_required
def list_api_keys(request: OwnerRequest) -> HttpResponse:
    api_keys = list(ApiKey.objects.owned_by(request.user.id))
    cap = request.user.plan.max_active_api_keys
    context = {
        "api_keys": api_keys,
        "cap": cap,
        "active": (active := sum(api_key.is_active for api_key in api_keys)),
        "is_at_cap": active >= cap,
        "section": "api-keys",
    }
    return render(request, "apikeys/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def create_api_key(request: OwnerRequest) -> HttpResponse:
    """Ask for a name; show the full key in the answer to the post, which is where it exists."""
    form = ApiKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.create_api_key(request.user, form.cleaned_data["name"])
        except services.KeyCapReached as error:
            form.add_error(
                None,
                f"Maximum {error.cap} active API keys allowed. Revoke one that is no longer used.",
            )
        else:
            return render(request, "apikeys/created.html", {"created": created}, status=201)
    return render(
        request, "apikeys/create.html", {"form": form}, status=400 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke_api_key(request: OwnerRequest, key_id: uuid.UUID) -> HttpResponse:
    api_key = get_object_or_404(ApiKey.objects.owned_by(request.user.id), id=key_id)
    if request.method != "POST":
        return render(request, "apikeys/revoke.html", {"api_key": api_key})
    services.revoke_api_key(request.user.id, str(key_id))
    messages.success(request, f"The key “{api_key.name}” is revoked.")
    return redirect("api-keys")
