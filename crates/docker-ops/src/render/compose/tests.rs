//! What the file looks like, and that Compose's own rules hold for it.

use super::*;
use crate::{MountRole, Probe};

fn stack(service: ServiceSpec) -> StackSpec {
    StackSpec { project: "studio".into(), working_dir: "/data/studio".into(), services: [("comfyui".to_owned(), service)].into() }
}

fn named() -> ServiceSpec {
    ServiceSpec::new(Image::Named { reference: "comfyui:1".into(), pull: PullPolicy::Missing })
}

#[test]
fn a_stack_with_all_that_there_is() {
    let mount = |role, name: &str, read_only| Mount {
        role,
        source: format!("/data/studio/ComfyUI/{name}").into(),
        target: format!("/opt/ComfyUI/{name}"),
        read_only,
    };
    let service = ServiceSpec {
        command: vec!["python3".into(), "main.py".into()],
        flags: vec!["--listen".into(), "0.0.0.0".into()],
        environment: [("PRICE".to_owned(), "5$ a \"piece\"\n".to_owned())].into(),
        user: Some("1000:1000".into()),
        ports: vec![
            Publish { address: [127, 0, 0, 1].into(), host_port: 8188, container_port: 8188 },
            Publish { address: IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), host_port: 0, container_port: 8188 },
        ],
        mounts: vec![mount(MountRole::Login, "login", true), mount(MountRole::CustomNodes, "custom_nodes", false)],
        gpu: Gpu::Count(2),
        limits: Limits { memory: Some(48 << 30), shm: Some(8 << 30), milli_cpus: Some(7_500), pids: Some(4096) },
        restart: Restart::OnFailure(Some(3)),
        capabilities: vec!["CHOWN".into()],
        read_only_root: true,
        labels: [("team".to_owned(), "no".to_owned())].into(),
        ..named()
    };
    insta::assert_snapshot!(compose(&stack(service)), @r#"
    # Written by genai-stack from `[stack]` in genai.toml: change that file, and write this one anew.
    #
    # It holds no secret, and must not get one: the credential is the folder that is mounted as ComfyUI's `login`.
    # The health check asks without a credential and is well only if it is refused.
    services:
      "comfyui":
        image: "comfyui:1"
        user: "1000:1000"
        entrypoint: ["python3", "main.py"]
        command: ["--listen", "0.0.0.0"]
        environment:
          "PRICE": "5$$ a \"piece\"\n"
        labels:
          "team": "no"
        ports:
          - "127.0.0.1:8188:8188/tcp"
          - "[::1]::8188/tcp"
        volumes:
          - type: bind
            source: "/data/studio/ComfyUI/login"
            target: "/opt/ComfyUI/login"
            read_only: true
          - type: bind
            source: "/data/studio/ComfyUI/custom_nodes"
            target: "/opt/ComfyUI/custom_nodes"
        healthcheck:
          test: ["CMD", "python3", "-c", "import http.client,sys;sys.tracebacklimit=0;c=http.client.HTTPConnection('127.0.0.1',int(sys.argv[1]),timeout=5);c.request('GET','/queue');a=c.getresponse();n=a.status;to=(a.getheader('Location')or'').split('?')[0];asks=n in(401,403)or n in(302,303,307)and to.endswith('/login');open_=200<=n<300;print(n,'the server asks for a credential'if asks else 'nothing guards the server: it answered without a credential'if open_ else 'neither a login nor ComfyUI answers so');sys.exit(not asks)", "8188"]
          interval: 10s
          timeout: 8s
          retries: 3
          start_period: 300s
        deploy:
          resources:
            reservations:
              devices:
                - driver: nvidia
                  count: 2
                  capabilities: ["gpu", "compute", "utility"]
        mem_limit: 51539607552
        memswap_limit: 51539607552
        shm_size: 8589934592
        cpus: 7.500
        pids_limit: 4096
        restart: "on-failure:3"
        init: true
        stop_grace_period: 30s
        cap_drop: ["ALL"]
        cap_add: ["CHOWN"]
        security_opt: ["no-new-privileges:true"]
        read_only: true
        tmpfs: ["/tmp", "/opt/ComfyUI/custom_nodes/ComfyUI-Login/__pycache__"]
        logging:
          driver: json-file
          options:
            max-size: "10485760"
            max-file: "3"
    networks:
      default:
        name: "studio_default"
    "#);
}

#[test]
fn a_built_image_and_cards_by_the_device_interface() {
    let image = Image::Build {
        tag: "studio-comfyui".into(),
        context: "/data/studio".into(),
        dockerfile: "Dockerfile".into(),
        args: [("TORCH".to_owned(), "2.9".to_owned())].into(),
        secrets: Vec::new(),
    };
    let service = ServiceSpec {
        gpu: Gpu::Cdi(vec!["nvidia.com/gpu=0".into()]),
        health: Health { probe: Probe::Host, ..Health::default() },
        ..ServiceSpec::new(image)
    };
    let elsewhere = StackSpec { working_dir: "/data/My Studio".into(), ..stack(service) };
    insta::assert_snapshot!(compose(&elsewhere), @r#"
    # Written by genai-stack from `[stack]` in genai.toml: change that file, and write this one anew.
    #
    # It holds no secret, and must not get one: the credential is the folder that is mounted as ComfyUI's `login`.
    # The health check asks without a credential and is well only if it is refused.
    #
    # Its project is not called as its folder is: docker compose --project-name studio …
    services:
      "comfyui":
        image: "studio-comfyui"
        build:
          context: "/data/studio"
          dockerfile: "Dockerfile"
          args:
            "TORCH": "2.9"
        healthcheck:
          disable: true
        devices: ["nvidia.com/gpu=0"]
        restart: unless-stopped
        init: true
        stop_grace_period: 30s
        cap_drop: ["ALL"]
        security_opt: ["no-new-privileges:true"]
        logging:
          driver: json-file
          options:
            max-size: "10485760"
            max-file: "3"
    networks:
      default:
        name: "studio_default"
    "#);
}

#[test]
fn cards_by_count_all_or_name() {
    let devices = |gpu| {
        let text = compose(&stack(ServiceSpec { gpu, ..named() }));
        let read: serde_norway::Value = serde_norway::from_str(&text).unwrap();
        let devices = &read["services"]["comfyui"]["deploy"]["resources"]["reservations"]["devices"][0];
        serde_norway::to_string(devices).unwrap()
    };
    let seen = [devices(Gpu::None), devices(Gpu::All), devices(Gpu::Ids(vec!["0".into(), "GPU-1".into()]))];
    insta::assert_snapshot!(seen.join(""), @"
    null
    driver: nvidia
    count: all
    capabilities:
    - gpu
    - compute
    - utility
    driver: nvidia
    device_ids:
    - '0'
    - GPU-1
    capabilities:
    - gpu
    - compute
    - utility
    ");
}

#[test]
fn the_first_line_tells_the_file_from_somebody_elses() {
    assert!(compose(&stack(named())).starts_with(WRITTEN_BY));
}

#[test]
fn durations_are_whole_where_they_can_be() {
    for (millis, text) in [(0, "0s"), (30_000, "30s"), (1_500, "1500ms"), (90_000, "90s")] {
        assert_eq!(duration(Duration::from_millis(millis)), text);
    }
}

#[test]
fn a_project_is_called_as_compose_calls_it() {
    for (folder, name) in [("/a/My Studio.2", "mystudio2"), ("/a/_-x", "x"), ("/", ""), ("/a/Über", "ber"), ("/a/x-y_Z", "x-y_z")]
    {
        assert_eq!(StackSpec::project_of(folder.as_ref()), name, "{folder}");
    }
}
