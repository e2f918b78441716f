import asyncio, json, subprocess, sys, os, socket
import httpx, uvicorn, pytest
from services.registry.main import create_app
from tests.factories import registry as make

async def test_fuzz(database_urls, tmp_path):
    app = create_app(make.api_settings(database_urls, tmp_path, sign_in_per_minute=100000))
    spec = app.openapi(); (tmp_path/"o.json").write_text(json.dumps(spec))
    with socket.socket() as s:
        s.bind(("127.0.0.1",0)); port=s.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started: await asyncio.sleep(0.05)
    out=[]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as api:
        firm = await make.admit_firm(api)
        v = await make.register(api, firm)
        a = (await api.post("/v1/areas", json=make.area_body(), headers=make.official())).json()
    for name, headers in (("admin", make.administrator()), ("firm", firm.headers)):
        p = await asyncio.create_subprocess_exec(".venv/bin/schemathesis","run",str(tmp_path/"o.json"),"--url",f"http://127.0.0.1:{port}","-H","Authorization: "+headers["Authorization"],"-n","60","--continue-on-failure","--phases","examples,coverage,fuzzing","--checks","not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance", "--suppress-health-check","all", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        o,_=await asyncio.wait_for(p.communicate(),500)
        open(f"/tmp/fuzz_{name}.txt","wb").write(o)
    server.should_exit=True
    await task
