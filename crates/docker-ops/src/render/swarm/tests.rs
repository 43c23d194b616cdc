//! The stack file, as a person reads it.

use super::*;
use crate::{Gpu, Image, Limits, Mount, Publish, PullPolicy, swarm::PasswordFile};

fn stack() -> StackSpec {
    let image = Image::Named { reference: "comfyui:0.3.64".to_owned(), pull: PullPolicy::Missing };
    let mut service = ServiceSpec::new(image);
    service.command = vec!["python3".to_owned(), "main.py".to_owned()];
    service.flags = vec!["--preview-method".to_owned(), "$none".to_owned()];
    service.health.probe = crate::Probe::Command(vec!["/probe".to_owned()]);
    service.gpu = Gpu::Count(1);
    service.replicas = 2;
    service.limits = Limits { memory: Some(48 << 30), shm: Some(2 << 30), ..Limits::default() };
    service.ports = vec![Publish { address: [127, 0, 0, 1].into(), host_port: 8188, container_port: 8188 }];
    let mount =
        |role, source: &str, target: &str, read_only| Mount { role, source: source.into(), target: target.to_owned(), read_only };
    service.mounts = vec![
        mount(MountRole::Login, "/p/comfyui/login", "/comfyui/login", false),
        mount(MountRole::Models, "/p/models", "/comfyui/models", true),
        mount(MountRole::CustomNodes, "/p/nodes", "/comfyui/custom_nodes", false),
    ];
    StackSpec { project: "genai".to_owned(), working_dir: "/p".into(), services: [("comfyui".to_owned(), service)].into() }
}

fn passwords() -> Passwords {
    [("comfyui".to_owned(), PasswordFile::new(b"line\nartist\n".to_vec()).unwrap())].into()
}

#[test]
fn a_service_with_all_that_a_swarm_knows() {
    insta::assert_snapshot!(swarm(&stack(), &passwords()).unwrap(), @r#"
    # Written by genai-stack from `[stack]` in genai.toml: change that file, and write this one anew.
    #
    # It holds no secret. Each PASSWORD is a secret of the Swarm, whose name ends in its version; give it to the Swarm first:
    #   docker secret create --label com.docker.stack.namespace=genai --label genai-stack.password-of=comfyui genai_comfyui-password-e4a649e2 /p/comfyui/login/PASSWORD
    # Then: docker stack deploy --compose-file THIS_FILE genai
    #
    # What a Swarm can't do, or does in another way:
    #   `services.comfyui.ports[0]`: a Swarm can't publish on `127.0.0.1` alone, so this port is not published
    #     on the network `genai_default` it is `comfyui:8188`: put the gate there
    #   `services.comfyui`: a Swarm of this version can't forbid its containers to gain privileges
    #     set `"no-new-privileges": true` in each node's daemon.json, or update the engines to 25.0
    #   `services.comfyui.limits.memory`: a Swarm does not keep a container from swapping as much again
    #     switch swap off on the nodes
    #   `services.comfyui.mounts`: each node needs these folders, with the same content where it is read
    #     mount a share at the same path
    version: "3.9"
    services:
      "comfyui":
        image: "comfyui:0.3.64"
        entrypoint: ["python3", "main.py"]
        command: ["--preview-method", "$$none"]
        secrets:
          - source: "comfyui-password"
            target: "/comfyui/login/PASSWORD"
            uid: "0"
            gid: "0"
            mode: 292
        volumes:
          - type: bind
            source: "/p/models"
            target: "/comfyui/models"
            read_only: true
          - type: bind
            source: "/p/nodes"
            target: "/comfyui/custom_nodes"
          - type: tmpfs
            target: "/dev/shm"
            tmpfs:
              size: 2147483648
          - type: tmpfs
            target: "/comfyui/custom_nodes/ComfyUI-Login/__pycache__"
        healthcheck:
          test: ["CMD", "/probe"]
          interval: 10s
          timeout: 8s
          retries: 3
          start_period: 300s
        init: true
        stop_grace_period: 30s
        cap_drop: ["ALL"]
        logging:
          driver: json-file
          options:
            max-size: "10485760"
            max-file: "3"
        deploy:
          labels:
            genai-stack.service: "comfyui"
          replicas: 2
          resources:
            limits:
              memory: "51539607552"
            reservations:
              generic_resources:
                - discrete_resource_spec:
                    kind: "GPU"
                    value: 1
          update_config:
            parallelism: 1
            order: stop-first
            failure_action: pause
            monitor: 5s
          restart_policy:
            condition: any
            delay: 5s
    networks:
      default:
        name: "genai_default"
        driver: overlay
    secrets:
      "comfyui-password":
        name: "genai_comfyui-password-e4a649e2"
        external: true
    "#);
}

#[test]
fn what_can_not_be_applied_is_not_drawn() {
    let refused = |stack: &StackSpec, passwords: &Passwords| swarm(stack, passwords).unwrap_err().to_string();
    insta::assert_snapshot!(refused(&stack(), &Passwords::new()), @"the service `comfyui` has no PASSWORD, and whoever comes first would set it");
    let mut all = stack();
    all.services.get_mut("comfyui").unwrap().gpu = Gpu::All;
    insta::assert_snapshot!(refused(&all, &passwords()), @"`services.comfyui.gpu`: a Swarm's services can't ask for devices; they reserve cards that the nodes offer, so many for each replica");
    let mut homeless = stack();
    homeless.services.get_mut("comfyui").unwrap().mounts.remove(0);
    insta::assert_snapshot!(refused(&homeless, &passwords()), @"`services.comfyui.mounts`: no `login` folder is mounted, so nothing proves that the server is locked");
}
