# An image for Paddock's machines: Ubuntu 24.04 with Docker, the usual build tools, the official runner and the agent.
#
#   packer init agent/image
#   packer build -var arch=arm64 -var region=eu-central-1 -var runner_version=2.336.0 \
#     -var runner_sha256=<from your own records> agent/image
#
# docs/image.md says what is checked where.

packer {
  required_version = ">= 1.9.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0, < 2.0.0"
    }
  }
}

variable "region" {
  type = string
}

variable "arch" {
  type        = string
  description = "As in a job's labels: x64 or arm64."
  validation {
    condition     = contains(["x64", "arm64"], var.arch)
    error_message = "Must be x64 or arm64."
  }
}

variable "runner_version" {
  type        = string
  description = "Of actions/runner, such as 2.336.0. GitHub gives jobs only to releases of the last 30 days."
  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.runner_version))
    error_message = "Must be three numbers with dots between them."
  }
}

variable "runner_sha256" {
  type        = string
  default     = ""
  description = "The package's digest as you know it. Without it, the release and its notes must agree."
}

variable "agent" {
  type        = string
  default     = "build/paddock-agent.pyz"
  description = "Made by 'nox -s zipapp'; relative to where packer is started."
}

variable "instance_type" {
  type    = map(string)
  default = { x64 = "m7i.large", arm64 = "m7g.large" }
}

variable "subnet_id" {
  type        = string
  default     = null
  description = "Where to build; the default network if it is not given."
}

variable "disk_gib" {
  type        = number
  default     = 12
  description = "Of the image. A job's machine may have more, never less."
}

locals {
  canonical = { x64 = "amd64", arm64 = "arm64" }[var.arch]
  machine   = "${path.root}/../../src/adapters/paddock/adapters/bootstrap/machine"
  name      = "paddock-ubuntu-24.04-${var.arch}-${var.runner_version}-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  tags = {
    Name                     = local.name
    "paddock:arch"           = var.arch
    "paddock:runner-version" = var.runner_version
    "paddock:base"           = "ubuntu-24.04"
  }
}

data "amazon-parameterstore" "ubuntu" {
  region = var.region
  name   = "/aws/service/canonical/ubuntu/server/24.04/stable/current/${local.canonical}/hvm/ebs-gp3/ami-id"
}

source "amazon-ebs" "ubuntu" {
  region        = var.region
  source_ami    = data.amazon-parameterstore.ubuntu.value
  instance_type = var.instance_type[var.arch]
  subnet_id     = var.subnet_id
  ssh_username  = "ubuntu"
  ami_name      = local.name
  imds_support  = "v2.0"
  tags          = local.tags
  snapshot_tags = local.tags
  run_tags      = { Name = "build of ${local.name}" }

  # A build that is left behind ends itself with its machine.
  shutdown_behavior = "terminate"

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_type           = "gp3"
    volume_size           = var.disk_gib
    delete_on_termination = true
  }
}

build {
  sources = ["source.amazon-ebs.ubuntu"]

  provisioner "file" {
    source      = local.machine
    destination = "/tmp/paddock-machine"
  }

  provisioner "file" {
    source      = var.agent
    destination = "/tmp/paddock-agent.pyz"
  }

  provisioner "file" {
    sources     = ["${path.root}/bake_runner.py", "${path.root}/check_image.py"]
    destination = "/tmp/"
  }

  provisioner "shell" {
    script          = "${path.root}/provision.sh"
    execute_command = "sudo -n env {{ .Vars }} sh {{ .Path }}"
    environment_vars = [
      "ARCH=${var.arch}",
      "RUNNER_VERSION=${var.runner_version}",
      "RUNNER_SHA256=${var.runner_sha256}",
    ]
  }

  # An image that fails here is never registered.
  provisioner "shell" {
    inline          = ["python3 -I /opt/paddock/libexec/check_image.py --arch ${var.arch}"]
    execute_command = "sudo -n sh {{ .Path }}"
  }

  provisioner "shell" {
    script          = "${path.root}/seal.sh"
    execute_command = "sudo -n sh {{ .Path }}"
  }

  post-processor "manifest" {
    output     = "build/image-${var.arch}.json"
    strip_path = true
  }
}
