"""Which line sets which key, for every form of TOML."""

from wsproxy.config.lines import line_numbers

TEXT = '''\
top = 1
# comment = 2

[gateway]
bind = "a" # trailing
hosts = [
  "x",  # not = a key
  "y",
]
"quoted key" = """
bind = "not a key"
[nor.a.table]
"""
dotted.deep = 1
inline = { one = 1, two = { three = 3 } }
  [ groups . "g p u" ]
address = 'it'
[[list.of]]
tables = 1
[[list.of]]
tables = 2
'''


def test_every_form_of_a_key() -> None:
    assert line_numbers(TEXT) == {
        ("top",): 1,
        ("gateway",): 4,
        ("gateway", "bind"): 5,
        ("gateway", "hosts"): 6,
        ("gateway", "quoted key"): 10,
        ("gateway", "dotted"): 14,
        ("gateway", "dotted", "deep"): 14,
        ("gateway", "inline"): 15,
        ("gateway", "inline", "one"): 15,
        ("gateway", "inline", "two"): 15,
        ("gateway", "inline", "two", "three"): 15,
        ("groups", "g p u"): 16,
        ("groups", "g p u", "address"): 17,
        ("list", "of"): 18,
        ("list", "of", "tables"): 19,
    }


def test_lines_of_windows_and_nothing_at_all() -> None:
    assert line_numbers("a = 1\r\n[b]\r\nc = [\r\n1]\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}
    assert line_numbers("") == {}
