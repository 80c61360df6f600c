"""What the control plane packs a machine's orders with and the agent unpacks them with.

The shape as a whole is told in ``paddock.agent.aws.body``.
"""

from typing import Final

SHAPE: Final = 2
"""The number of the newest shape, the body's first byte."""

DICTIONARY: Final = (
    b'"},"jit_config":"","registration":null,"max_runtime":21600000000,"idle_timeout":300000000,"created_at":17,'
    b'"setup_info":"Machine: i-0 vCPU, x64, arm64, GiB disk)\\nZone: us-east-1a\\nType: c7g.xlarge (\\nMarket: on-deman'
    b"d\\nMarket: spot\\nPrice: $0.0 an hour\\nWhy: the job asks for to "
    b'{"kind":"assignment","version":1,"machine":"i-0","job_id":,"launch":1,"repository":"","labels":["paddock/cpu=4/arch'
    b'=arm64"],"runner_name":"paddock--i-0--000","runner_id":,"package":{"version":"2.3","url":"https://amazonaws.com'
    b'/actions-runner-linux-arm64-2.tar.gz","sha256":"","filename":"actions-runner-linux-x64-2.3","digests":{"downloads":"'
    b'","asset":""}},"jit_key":[5,128,65537,0],"jit_parts":[13,436,20,210,30,'
    b'{".runner": "{"AgentId": "", "AgentName": "", "PoolId": "1", "PoolName": "Default", "DisableUpdate": "True", '
    b'"Ephemeral": "True", "ServerUrl": "https://pipelines.actions.githubusercontent.com/", "ServerUrlV2": "https://broker'
    b'.actions.githubusercontent.com/", "GitHubUrl": "https://github.com/", "WorkFolder": "_work", "UseV2Flow": "True",'
    b' "UseRunnerAdminFlow": "False", "IsHostedServer": "True", "SkipSessionRecover": "False"}'
    b'", ".credentials": "{"scheme": "OAuth", "data": {"clientId": "", "authorizationUrl": "https://tokens.actions.'
    b'githubusercontent.com/_apis/oauth2/token/", "requireFipsCryptography": "True"}}", ".credentials_rsaparams": "'
    b'{"d": "\x80", "dp": "\x81", "dq": "\x82", "exponent": "AQAB", "inverseQ": "\x83", "modulus": "\x84", '
    b'"p": "\x85", "q": "\x86"}"}'
)
"""What most orders have in common, for zlib, so that it need not be sent.

It is part of shape 2: function and machine may be of two versions, so another dictionary is another shape.
"""
