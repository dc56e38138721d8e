"""Taking one's data along, and leaving: what concerns every app at once."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import security_log
from accounts.models import User
from accounts.reauthentication import fresh_sign_in_required
from accounts.security_log import Kind
from insitechat.own_data import collect, counts


class OwnerRequest(HttpRequest):
    user: User


@require_POST
@never_cache
@login_required
def export_data(request: OwnerRequest) -> HttpResponse:
    """Answer with everything that the account owns, as a file."""
    security_log.record(request.user.id, Kind.DATA_EXPORTED)
    response = JsonResponse(collect(request.user), json_dumps_params={"indent": 2})
    name = f"insitechat-{timezone.now():%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def delete_account(request: OwnerRequest) -> HttpResponse:
    """Show what goes with the account; the post ends it, and its keys at once."""
    if request.method != "POST":
        context = {"counts": counts(request.user), "section": "account"}
        return render(request, "delete_account.html", context)
    if request.user.is_staff:
        raise PermissionDenied("What staff did in the admin would go with their account.")
    account = User.objects.get(id=request.user.id)
    logout(request)
    account.delete()
    messages.success(request, "Your account and everything in it is deleted.")
    return redirect("account_login")
