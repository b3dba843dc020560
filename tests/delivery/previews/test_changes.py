from delivery.preview import markdown
import pytest

def test_x(previews, whole):
    for n in previews:
        open(f'/tmp/md-{n}.md','w').write(markdown.render(whole(n)))
    for n,p in previews.items():
        print(n, markdown._counts(p.changes), [f"{c.kind} {c.name}" for c in p.changes if c.risky])
