"""Downloading an account's data and deleting the account, which concern every app at once."""

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.closing import close_account
from accounts.models import User
from accounts.reauthentication import fresh_sign_in_required
from core.http import OwnerRequest
from insitechat.operations.jobs import request_export
from insitechat.operations.models import DataExport
from insitechat.operations.own_data import counts
from insitechat.operations.security_events import DATA_EXPORTED
from securitylog.recording import record


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def export_data(request: OwnerRequest) -> HttpResponse:
    """Have a file made with everything that the account owns, and show where it is then."""
    if request.method == "POST":
        request_export(request.user)
        return redirect("account-export")
    export = DataExport.objects.current().filter(account=request.user).first()
    return render(request, "export.html", {"export": export, "section": "account"})


@require_safe
@never_cache
@login_required
@fresh_sign_in_required
def download_export(request: OwnerRequest) -> StreamingHttpResponse:
    """Return the file that the worker has made."""
    finished = DataExport.objects.current().filter(finished_at__isnull=False)
    export = get_object_or_404(finished, account=request.user)
    record(request.user.pk, DATA_EXPORTED)
    response = StreamingHttpResponse(export.content(), content_type="application/json")
    response["Content-Length"] = str(export.size)
    name = f"insitechat-{export.finished_at:%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@fresh_sign_in_required
def delete_account(request: OwnerRequest) -> HttpResponse:
    """Show what would be deleted with the account; a POST deletes it, and its keys at once."""
    if request.method != "POST":
        context = {"counts": counts(request.user), "section": "account"}
        return render(request, "delete_account.html", context)
    if request.user.is_staff:
        raise PermissionDenied("The admin's record of what a staff account did would be deleted.")
    account = User.objects.get(id=request.user.id)
    close_account(account)
    logout(request)
    messages.success(request, "Your account is closed, and everything in it is being deleted.")
    return redirect("account_login")
