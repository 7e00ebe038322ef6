"""How a service is told who sends: read as it is written, and what contradicts itself."""

import pytest
from definition.definitions import marked, problem_of, problems_of, saga_of

from sagactl.definition.model import Auth, Basic, Bearer, ClientCredentials
from sagactl.definition.policy import names_under
from sagactl.definition.template import evaluate_text

SCOPE = {"env": {"USER": "shop"}, "secrets": {"S": "canary"}}


def with_auth(auth: str, more: str = "") -> str:
    return (
        f"saga: order\nservices:\n  shop:\n    url: https://shop.example\n    auth: {auth}\n{more}"
        "steps:\n  - {name: a, service: shop, action: PUT /a, compensation: none}\n"
    )


def auth_of(text: str) -> Auth:
    auth = saga_of(with_auth(text)).services["shop"].auth
    assert auth is not None
    return auth


def test_the_three_ways_to_say_who_sends() -> None:
    basic = auth_of('{basic: {username: "${{ env.USER }}", password: "${{ secrets.S }}"}}').scheme
    assert isinstance(basic, Basic)
    assert evaluate_text(basic.username, SCOPE) == "shop"
    assert evaluate_text(basic.password, SCOPE) == "canary"
    bearer = auth_of('{bearer: "${{ secrets.S }}"}').scheme
    assert isinstance(bearer, Bearer)
    assert evaluate_text(bearer.token, SCOPE) == "canary"
    oauth2 = auth_of(
        '{oauth2: {token_url: https://id.example/token, client_id: "${{ env.USER }}", '
        'client_secret: "${{ secrets.S }}", scope: charges, audience: payments}}'
    ).scheme
    assert isinstance(oauth2, ClientCredentials)
    assert [evaluate_text(template, SCOPE) for template in Auth(oauth2).templates()] == [
        "https://id.example/token", "shop", "canary", "charges", "payments",
    ]  # fmt: skip


def test_files_are_found_beside_the_definition() -> None:
    tls = auth_of("{tls: {cert: client.pem, key: /etc/client.key, ca: ../ca.pem}}").tls
    assert tls is not None
    assert (tls.cert, tls.key, tls.ca) == ("client.pem", "/etc/client.key", "../ca.pem")
    assert auth_of("{tls: {ca: ca.pem}}").scheme is None


def test_its_names_are_collected_like_all_others() -> None:
    saga = saga_of(
        with_auth('{basic: {username: "${{ env.USER }}", password: "${{ secrets.S }}"}}')
    )
    assert set(names_under(saga, "env")) == {"USER"}
    assert set(names_under(saga, "secrets")) == {"S"}


def test_two_that_say_who_sends_contradict_each_other() -> None:
    problem = problem_of(with_auth("{bearer: a, basic: {username: b, password: c}}"))
    assert (problem.code, marked(problem)) == ("two-auths", "bearer")
    assert problem.message == '"basic" says already who sends the requests'


def test_a_header_of_the_service_that_says_it_too() -> None:
    problem = problem_of(with_auth("{bearer: a}", "    headers: {authorization: Basic eA==}\n"))
    assert (problem.code, marked(problem)) == ("two-auths", "authorization")
    saga_of(with_auth("{tls: {ca: a}}", "    headers: {authorization: x}\n"))


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("{}", "must be a map such as"),
        ("secret", "must be a map such as"),
        ("{bearer: 5}", "must be a text such as"),
        ("{basic: {username: shop}}", "password"),
        ("{oauth2: {token_url: https://id.example, client_id: a}}", "client_secret"),
        ("{tls: {key: client.key}}", "cert"),
        ("{digest: {}}", 'unknown key "digest"'),
    ],
)
def test_what_has_not_its_shape(auth: str, message: str) -> None:
    assert any(message in problem.message for problem in problems_of(with_auth(auth)))
