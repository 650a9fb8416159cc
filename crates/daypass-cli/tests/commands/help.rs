//! The help that teaches, and what is said to a command line that cannot be understood.

use insta::assert_snapshot;

use crate::person::Person;

#[test]
fn the_help_lists_commands_examples_variables_and_exit_codes() {
    assert_snapshot!(Person::new().sees(["--help"]), @r#"
    exit code: 0
    ----- stdout
    Short-lived credentials for package installers, by themselves

    Sign in once; from then on pip, uv and others ask `daypass` for a credential when they need one, and
    nobody creates, copies or stores a token.

    Usage: daypass <COMMAND>

    Commands:
      login            Signs in to a server, and trusts it from then on
      token            Prints an access token
      status           Shows who you are, until when, for which indexes, and what to do next
      ambient          Shows which CI system or cloud vouches for this job or machine, and why
      logout           Signs out: revokes the credentials, deletes them, and forgets the server
      ci               Sets a CI job up with its own identity, and cleans up after it
      service-account  Keys of machines that nothing else vouches for
      helper           Answers another tool in its own credential-helper protocol
      admin            Administers a server
      index            Moves packages into an index, and out of one
      audit            What happened on a server, by what one asks for
      pull-token       Passwords for tools that can do nothing better: the last resort
      completion       Prints a script that completes `daypass` in a shell

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Examples:
      daypass login https://packages.example.com
      pip install -i https://packages.example.com/python/simple/ acme-hello
      daypass status
      curl -u "_token:$(daypass token)" https://packages.example.com/python/simple/

      In a CI job or on a cloud's machine, without signing in:
      export DAYPASS_SERVER=https://packages.example.com
      daypass ambient
      pip install -i $DAYPASS_SERVER/python/simple/ acme-hello

    Environment variables:
      DAYPASS_SERVER          The server, by any of its URLs; naming it trusts it
      DAYPASS_IDENTITY        The identity to assume, by name or id
      DAYPASS_IDENTITY_TOKEN  The token that proves who this is: its value or path
      DAYPASS_AMBIENT         Who vouches for this job or machine: a name, `auto`, `off`
      DAYPASS_CONFIG          The configuration file, instead of the user's own
      DAYPASS_CACHE           The folder for credentials, instead of the user's own

    Exit codes:
      0  Done
      1  Nothing to give: not a host of ours, or no identity matches
      2  The command line cannot be understood
      3  The server refused
      4  Sign-in or an identity token is needed
      5  The server cannot be reached, or answers nonsense
      6  The configuration or the cache on this machine is in the way
    ----- stderr
    "#);
}

#[test]
fn each_command_has_help_with_an_example() {
    assert_snapshot!(Person::new().sees(["login", "--help"]), @r"
    exit code: 0
    ----- stdout
    Signs in to a server, and trusts it from then on

    A person signs in in the browser, or with a code on another device where there is no browser here.
    It lasts for the day: until then credentials renew themselves.

    A job signs in with an identity token, the JWT that a CI job or a cloud machine has. The server, the
    identity and, if there is one, the path of the identity token's file are remembered; the identity
    token itself is never kept. On most CI systems and clouds nobody need fetch one: `--ambient auto`
    does, and `daypass ambient` shows from where.

    Usage: daypass login [OPTIONS] [SERVER]

    Arguments:
      [SERVER]
              The server, by any of its URLs; an index URL will do [default: the one that is known]

    Options:
          --device
              Sign in with a code on another device, without a browser here

          --provider <NAME>
              Where to sign in, if the server knows several providers [default: it asks]

          --profile <NAME>
              Under which name to keep this account, beside others of the same server [default:
              `default`]

          --default
              Take this account from now on when no profile is named

          --identity <ID>
              The identity to assume, by name or id [default: the only one that matches]

          --identity-token <VALUE|PATH|->
              The identity token: `-` for stdin, the path of a file, or the JWT itself, which others can
              then see in the list of processes

          --ambient <NAME>
              Who vouches for this job or machine: one of the names that `daypass ambient` lists, or
              `auto` for the first that is here. Remembered, and asked again for each credential

          --audience <TEXT>
              What identity tokens are asked for as their audience, where the issuer's rules in the
              server's policy want another one [default: the server's URL]

          --service-account <NAME>
              The service account that this machine is

          --key <FILE>
              The file with the service account's private key; its path is remembered, the key itself is
              not

      -o, --output <OUTPUT>
              How the result is written

              Possible values:
              - text: For people
              - json: For programs: JSON, one document per line
              
              [default: text]

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      daypass login https://packages.example.com
      daypass login https://packages.example.com --profile work --provider corp
      daypass login --profile work --default
      daypass login https://packages.example.com --ambient auto
      daypass login https://packages.example.com --identity ci/app --ambient azure-devops
      daypass login https://packages.example.com --identity-token /run/job/token
      fetch-token | daypass login https://packages.example.com --identity ci/app --identity-token -
      daypass login https://packages.example.com --service-account build-box --key box.pem

    Profiles:
      Several accounts of one server stand side by side as profiles. The first is the default. A
      profile's name is also understood as the user name in an index URL:
      pip install -i https://work@packages.example.com/python/simple/ acme-hello
    ----- stderr
    ");
    assert_snapshot!(Person::new().sees(["helper", "keyring", "--help"]), @r#"
    exit code: 0
    ----- stdout
    Answers as the `keyring` program does, for servers that you are signed in to

    For any other service the exit code is 1 and nothing is printed. Options of the `keyring` program
    are understood wherever they stand.

    Usage: daypass helper keyring [OPTIONS] <get> <URL> [USERNAME]

    Arguments:
      <get>
              `get`: this helper is read-only

      <URL>
              The service: an index URL, or a host with or without a port

      [USERNAME]
              The user name, which is echoed

    Options:
          --mode <MODE>
              What to answer: `password` needs a user name
              
              [possible values: password, creds]

      -o, --output <OUTPUT>
              In which form
              
              [possible values: plain, json]

      -h, --help
              Print help (see a summary with '-h')

    Examples:
      daypass helper keyring get https://packages.example.com/python/simple/
          {"username":"_token","password":"…"}
      daypass helper keyring get packages.example.com ada
          the password alone, as uv and older pip ask for it
      daypass helper keyring --mode=creds get packages.example.com
          user name and password, on two lines
      daypass helper keyring --mode=creds --output=json get HOST
          the same as JSON, as pip asks for it
    ----- stderr
    "#);
}

#[test]
fn the_other_commands_have_examples_too() {
    let admin = ["admin audit", "admin identity explain", "admin identity create", "admin plan", "admin apply"];
    for command in ["token", "ambient", "completion", "audit blocked"].into_iter().chain(admin) {
        let seen = Person::new().sees(command.split(' ').chain(["--help"]));
        assert!(seen.starts_with("exit code: 0") && seen.contains("Examples:"), "{seen}");
    }
}

#[test]
fn a_misuse_is_one_sentence_and_a_hint() {
    let person = Person::new();
    let mut seen = String::new();
    for line in ["", "logn", "login --identity", "token --format xml", "status x", "admin", "completion tcsh"] {
        seen.push_str(&person.sees(line.split_whitespace()));
        seen.push('\n');
    }
    assert_snapshot!(seen, @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: a command is needed

    hint: `daypass --help` shows them all

    exit code: 2
    ----- stdout
    ----- stderr
    error: unrecognized subcommand `logn`

    hint: it is used as `daypass <COMMAND>`

    exit code: 2
    ----- stdout
    ----- stderr
    error: a value is required for `--identity <ID>` but none was supplied

    hint: `daypass --help` shows how it is used

    exit code: 2
    ----- stdout
    ----- stderr
    error: unexpected argument `--format` found

    hint: it is used as `daypass token [OPTIONS]`

    exit code: 2
    ----- stdout
    ----- stderr
    error: unexpected argument `x` found

    hint: it is used as `daypass status [OPTIONS]`

    exit code: 2
    ----- stdout
    ----- stderr
    error: a command is needed

    hint: `daypass --help` shows them all

    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value `tcsh` for `<SHELL>` [possible values: bash, elvish, fish, powershell, zsh]

    hint: `daypass --help` shows how it is used
    ");
}

#[test]
fn the_version_is_told() {
    let seen = Person::new().sees(["--version"]);
    assert!(seen.contains(concat!("daypass ", env!("CARGO_PKG_VERSION"))), "{seen}");
}

#[test]
fn every_shell_is_completed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let done = Person::new().run(["completion", shell]);
        let script = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && script.contains("identity-token"), "{shell}");
    }
}
