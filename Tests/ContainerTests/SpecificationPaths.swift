/// The properties of a configuration for Linux: those of the JSON schema of runtime-spec 1.3, in its order. `[]` is every element of
/// an array, `*` every name in an object whose names are free.
let specificationPaths = """
  ociVersion hooks hooks.prestart hooks.prestart[].path hooks.prestart[].args hooks.prestart[].env \
  hooks.prestart[].timeout hooks.createRuntime hooks.createRuntime[].path hooks.createRuntime[].args \
  hooks.createRuntime[].env hooks.createRuntime[].timeout hooks.createContainer hooks.createContainer[].path \
  hooks.createContainer[].args hooks.createContainer[].env hooks.createContainer[].timeout hooks.startContainer \
  hooks.startContainer[].path hooks.startContainer[].args hooks.startContainer[].env hooks.startContainer[].timeout \
  hooks.poststart hooks.poststart[].path hooks.poststart[].args hooks.poststart[].env hooks.poststart[].timeout \
  hooks.poststop hooks.poststop[].path hooks.poststop[].args hooks.poststop[].env hooks.poststop[].timeout \
  annotations annotations.* hostname domainname mounts mounts[].source mounts[].destination mounts[].options \
  mounts[].type mounts[].uidMappings mounts[].uidMappings[].containerID mounts[].uidMappings[].hostID \
  mounts[].uidMappings[].size mounts[].gidMappings mounts[].gidMappings[].containerID mounts[].gidMappings[].hostID \
  mounts[].gidMappings[].size root root.path root.readonly process process.args process.commandLine \
  process.consoleSize process.consoleSize.height process.consoleSize.width process.cwd process.env process.terminal \
  process.user process.user.uid process.user.gid process.user.umask process.user.additionalGids \
  process.user.username process.capabilities process.capabilities.bounding process.capabilities.permitted \
  process.capabilities.effective process.capabilities.inheritable process.capabilities.ambient \
  process.apparmorProfile process.oomScoreAdj process.selinuxLabel process.ioPriority process.ioPriority.class \
  process.ioPriority.priority process.noNewPrivileges process.scheduler process.scheduler.policy \
  process.scheduler.nice process.scheduler.priority process.scheduler.flags process.scheduler.runtime \
  process.scheduler.deadline process.scheduler.period process.rlimits process.rlimits[].hard process.rlimits[].soft \
  process.rlimits[].type process.execCPUAffinity process.execCPUAffinity.initial process.execCPUAffinity.final linux \
  linux.devices linux.devices[].type linux.devices[].path linux.devices[].fileMode linux.devices[].major \
  linux.devices[].minor linux.devices[].uid linux.devices[].gid linux.netDevices linux.netDevices.* \
  linux.netDevices.*.name linux.uidMappings linux.uidMappings[].containerID linux.uidMappings[].hostID \
  linux.uidMappings[].size linux.gidMappings linux.gidMappings[].containerID linux.gidMappings[].hostID \
  linux.gidMappings[].size linux.namespaces linux.namespaces[].type linux.namespaces[].path linux.resources \
  linux.resources.unified linux.resources.unified.* linux.resources.devices linux.resources.devices[].allow \
  linux.resources.devices[].type linux.resources.devices[].major linux.resources.devices[].minor \
  linux.resources.devices[].access linux.resources.pids linux.resources.pids.limit linux.resources.blockIO \
  linux.resources.blockIO.weight linux.resources.blockIO.leafWeight linux.resources.blockIO.throttleReadBpsDevice \
  linux.resources.blockIO.throttleReadBpsDevice[].major linux.resources.blockIO.throttleReadBpsDevice[].minor \
  linux.resources.blockIO.throttleReadBpsDevice[].rate linux.resources.blockIO.throttleWriteBpsDevice \
  linux.resources.blockIO.throttleWriteBpsDevice[].major linux.resources.blockIO.throttleWriteBpsDevice[].minor \
  linux.resources.blockIO.throttleWriteBpsDevice[].rate linux.resources.blockIO.throttleReadIOPSDevice \
  linux.resources.blockIO.throttleReadIOPSDevice[].major linux.resources.blockIO.throttleReadIOPSDevice[].minor \
  linux.resources.blockIO.throttleReadIOPSDevice[].rate linux.resources.blockIO.throttleWriteIOPSDevice \
  linux.resources.blockIO.throttleWriteIOPSDevice[].major linux.resources.blockIO.throttleWriteIOPSDevice[].minor \
  linux.resources.blockIO.throttleWriteIOPSDevice[].rate linux.resources.blockIO.weightDevice \
  linux.resources.blockIO.weightDevice[].major linux.resources.blockIO.weightDevice[].minor \
  linux.resources.blockIO.weightDevice[].weight linux.resources.blockIO.weightDevice[].leafWeight \
  linux.resources.cpu linux.resources.cpu.cpus linux.resources.cpu.mems linux.resources.cpu.period \
  linux.resources.cpu.quota linux.resources.cpu.burst linux.resources.cpu.realtimePeriod \
  linux.resources.cpu.realtimeRuntime linux.resources.cpu.shares linux.resources.cpu.idle \
  linux.resources.hugepageLimits linux.resources.hugepageLimits[].pageSize linux.resources.hugepageLimits[].limit \
  linux.resources.memory linux.resources.memory.kernel linux.resources.memory.kernelTCP linux.resources.memory.limit \
  linux.resources.memory.reservation linux.resources.memory.swap linux.resources.memory.swappiness \
  linux.resources.memory.disableOOMKiller linux.resources.memory.useHierarchy \
  linux.resources.memory.checkBeforeUpdate linux.resources.network linux.resources.network.classID \
  linux.resources.network.priorities linux.resources.network.priorities[].name \
  linux.resources.network.priorities[].priority linux.resources.rdma linux.resources.rdma.* \
  linux.resources.rdma.*.hcaHandles linux.resources.rdma.*.hcaObjects linux.cgroupsPath linux.rootfsPropagation \
  linux.seccomp linux.seccomp.defaultAction linux.seccomp.defaultErrnoRet linux.seccomp.flags \
  linux.seccomp.listenerPath linux.seccomp.listenerMetadata linux.seccomp.architectures linux.seccomp.syscalls \
  linux.seccomp.syscalls[].names linux.seccomp.syscalls[].action linux.seccomp.syscalls[].errnoRet \
  linux.seccomp.syscalls[].args linux.seccomp.syscalls[].args[].index linux.seccomp.syscalls[].args[].value \
  linux.seccomp.syscalls[].args[].valueTwo linux.seccomp.syscalls[].args[].op linux.sysctl linux.sysctl.* \
  linux.maskedPaths linux.readonlyPaths linux.mountLabel linux.intelRdt linux.intelRdt.closID \
  linux.intelRdt.schemata linux.intelRdt.l3CacheSchema linux.intelRdt.memBwSchema linux.intelRdt.enableMonitoring \
  linux.memoryPolicy linux.memoryPolicy.mode linux.memoryPolicy.nodes linux.memoryPolicy.flags linux.personality \
  linux.personality.domain linux.personality.flags linux.timeOffsets linux.timeOffsets.boottime \
  linux.timeOffsets.boottime.secs linux.timeOffsets.boottime.nanosecs linux.timeOffsets.monotonic \
  linux.timeOffsets.monotonic.secs linux.timeOffsets.monotonic.nanosecs
  """
