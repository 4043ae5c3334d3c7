#!/usr/bin/env bash
# Keycloak 26.7.3: "Sign out all active sessions" of a realm (POST …/logout-all) ends the
# sessions and sends no back-channel logout, also to a client that has an address for it.
# Nor is one sent later: the sessions are forgotten, so signing out the person afterwards
# (POST …/users/ID/logout) finds none. The same call without logout-all before sends one.
#
# So a client that trusts the back channel keeps people in whom the admin has just put out,
# until its own sessions end. Keycloak's developers call the first half intended, because a
# realm may have hundreds of thousands of sessions (keycloak/keycloak, issues 23604 and 27342,
# pull request 33842). The Server Administration Guide, in every version that we could read up
# to 26.4, says instead that clients with Keycloak's OIDC adapter are notified, and that types
# such as SAML are not; a reader takes a client of OIDC for one that is told. Of what a
# sign-out of the person does afterwards we found nothing.
#
# This script starts Keycloak with one realm, client and person, signs the person in by the
# code flow, and counts the logout tokens that come to the client's address. It fails when
# one comes after logout-all or after the sign-out behind it, or when none comes in the other
# cases. It needs java 17 or later, mvn and python3.
set -euo pipefail
version=26.7.3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
	-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$dir" >&2
python3 -m zipfile -e keycloak-quarkus-dist-$version.zip .
cat > run.py <<'PY'
import base64, html, http.cookiejar, http.server, json, os, re, signal, socket, subprocess, sys
import threading, time, urllib.error, urllib.parse, urllib.request

home, told = sys.argv[1], []


class Client(http.server.BaseHTTPRequestHandler):
    """The address at which the client is told of logouts."""

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        body = form["logout_token"][0].split(".")[1]
        told.append(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sid"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Client)
threading.Thread(target=listener.serve_forever, daemon=True).start()
client = f"http://127.0.0.1:{listener.server_port}"
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
keycloak = f"http://127.0.0.1:{port}"


def call(method, path, body=None, form=None, token=None, browser=urllib.request.build_opener()):
    data, headers = None, {}
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    if token:
        headers["Authorization"] = "Bearer " + token
    url = path if path.startswith("http") else keycloak + path
    with browser.open(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return answer.status, answer.read().decode()


def admin(method, path, body=None):
    form = {"grant_type": "password", "client_id": "admin-cli", "username": "root", "password": "root's"}
    token = json.loads(call("POST", "/realms/master/protocol/openid-connect/token", form=form)[1])
    return call(method, "/admin/realms" + path, body, token=token["access_token"])


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def sign_in():
    """Signs the person in as a browser of its own would. Gives the session and its refresh token."""
    # As browsers do, it sends cookies that are Secure to this machine without TLS, too.
    policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "http"))
    cookies = http.cookiejar.CookieJar(policy)
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies), Stay)
    ask = urllib.parse.urlencode({"client_id": "app", "response_type": "code", "scope": "openid", "redirect_uri": client + "/back"})
    page = call("GET", "/realms/r/protocol/openid-connect/auth?" + ask, browser=browser)[1]
    action = html.unescape(re.search(r'<form[^>]* action="([^"]+)"', page).group(1))
    try:
        call("POST", action, form={"username": "ann", "password": "ann's"}, browser=browser)
        sys.exit("the sign-in did not lead back to the client")
    except urllib.error.HTTPError as e:
        code = urllib.parse.parse_qs(urllib.parse.urlsplit(e.headers["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "client_id": "app", "client_secret": "app's", "code": code, "redirect_uri": client + "/back"}
    answer = json.loads(call("POST", "/realms/r/protocol/openid-connect/token", form=form)[1])
    return answer["session_state"], answer["refresh_token"]


def alive(refresh):
    form = {"grant_type": "refresh_token", "client_id": "app", "client_secret": "app's", "refresh_token": refresh}
    try:
        return call("POST", "/realms/r/protocol/openid-connect/token", form=form)[0] == 200
    except urllib.error.HTTPError as e:
        return json.loads(e.read())["error"] != "invalid_grant"


def told_of(what, method, path, sessions, wait):
    """Does it as the admin, and gives of which sessions the client was told within a time."""
    before = len(told)
    status = admin(method, path)[0]
    end = time.monotonic() + wait
    while time.monotonic() < end and len(told) - before < max(sessions, 1):
        time.sleep(0.05)
    print(f"{what}: {status}, logout tokens: {len(told) - before}", flush=True)
    return told[before:]


env = dict(os.environ, KC_BOOTSTRAP_ADMIN_USERNAME="root", KC_BOOTSTRAP_ADMIN_PASSWORD="root's")
log = open("keycloak.log", "w+")
server = subprocess.Popen(["bash", home + "/bin/kc.sh", "start-dev", "--http-host=127.0.0.1", f"--http-port={port}"],
                          env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
try:
    for _ in range(600):
        try:
            call("GET", "/realms/master")
            break
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.5)
    else:
        print("Keycloak does not start")
    if server.poll() is not None:
        log.seek(0)
        sys.exit("Keycloak does not start:\n" + log.read())

    admin("POST", "", {
        "realm": "r", "enabled": True,
        "clients": [{
            "clientId": "app", "secret": "app's", "redirectUris": [client + "/back"], "frontchannelLogout": False,
            "attributes": {"backchannel.logout.url": client + "/logout", "backchannel.logout.session.required": "true"},
        }],
        "users": [{
            "username": "ann", "enabled": True, "email": "ann@example.org", "emailVerified": True, "firstName": "Ann", "lastName": "Example",
            "credentials": [{"type": "password", "value": "ann's"}],
        }],
    })
    ann = "/r/users/" + json.loads(admin("GET", "/r/users?username=ann")[1])[0]["id"]

    first = sign_in()[0]
    before = told_of("the person is signed out", "POST", ann + "/logout", 1, 30)

    second, refresh = sign_in()
    held = alive(refresh)
    everyone = told_of("all sessions of the realm are signed out", "POST", "/r/logout-all", 0, 5)
    gone = not alive(refresh) and json.loads(admin("GET", ann + "/sessions")[1]) == []
    print(f"the session was there: {held}; it is over for Keycloak: {gone}")
    again = told_of("the person is signed out after that", "POST", ann + "/logout", 0, 5)

    third = sign_in()[0]
    after = told_of("the person is signed out after a new sign-in", "POST", ann + "/logout", 1, 30)
    if not (held and gone and before == [first] and everyone == again == [] and after == [third] and len(told) == 2):
        sys.exit("this has changed")
finally:
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(60)
    listener.shutdown()
PY
python3 run.py "$dir/keycloak-$version"
