#!/bin/bash
# Creates the indexes of the files in LIST, one path a line, by the tasks of a Slurm array. Afterwards, one
# more job writes the manifest:
#
#     job=$(sbatch --parsable --array=0-63 examples/clusters/slurm.sh LIST)
#     sbatch --dependency=afterok:$job --wrap="tfr-index manifest --files-from LIST -o train.manifest.json"
#
# If a task fails or is killed, submit the array again: indexes that are up to date stay.
#SBATCH --cpus-per-task=2
set -eu
part=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
exec tfr-index -q create --update --files-from "$1" --shard "$part" --jobs "${SLURM_CPUS_PER_TASK:-0}"
