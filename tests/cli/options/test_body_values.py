"""`--body-values`: a JSON object of pairs, typed as they say."""

import json

import pytest
import typer

from qlik_keys.cli.options.body_values import body_of_values

READ = [
    (["a=1"], '{"a": "1"}'),
    (["a:number=1,b:bool=true,c=x"], '{"a": 1, "b": true, "c": "x"}'),
    (["a.b.c:number=-1.5e3"], '{"a": {"b": {"c": -1500.0}}}'),
    (["a.b=x", "a.c:boolean=FALSE"], '{"a": {"b": "x", "c": false}}'),
    (["a:null=", "b:null=null", "c:string=true"], '{"a": null, "b": null, "c": "true"}'),
    (['a:json=["x","y"]'], '{"a": ["x", "y"]}'),
    (["a=x,y"], '{"a": "x,y"}'),
    (["a=", "b=o=o"], '{"a": "", "b": "o=o"}'),
]
REFUSED = [
    (["a:number=one"], "the value of 'a' is not a valid number"),
    (["a:number=NaN"], "not a valid number"),
    (["a:number=1e999"], "too large"),
    (["a:bool=maybe"], "not a valid bool"),
    (["a:null=x"], "not a valid null"),
    (["a:json=[1"], "not a valid json"),
    (["a:int=1"], "unknown type"),
    (["a..b=1"], "empty name"),
    (["=1"], "name=value"),
    (["a=1", "a.b=2"], "inside a value that is not an object"),
    (["a.b=1", "a=2"], "given twice"),
]


@pytest.mark.parametrize(("given", "body"), READ, ids=[" ".join(case[0]) for case in READ])
def test_pairs_are_a_body(given, body):
    assert json.dumps(json.loads(body_of_values(given))) == body


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=[" ".join(case[0]) for case in REFUSED])
def test_what_is_no_body_is_refused_unquoted(given, told):
    with pytest.raises(typer.BadParameter) as refused:
        body_of_values([*given, "secret=canary"])
    assert told in refused.value.format_message()
    assert "canary" not in refused.value.format_message()
